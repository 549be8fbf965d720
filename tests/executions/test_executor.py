"""A run: its steps in order, each written down, and what becomes of it when one fails or waits."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from agents.actions import ActionFailed, Effect, Scene
from config.lib import clock
from crm.models import Note, Workspace
from executions import performing
from executions.models import Execution, Status, Step, StepState, TriggerGate

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]


def test_steps_run_in_order_and_are_written_down(
    start: Callable[..., Execution], act: Callable[..., None], run_everything_due: Run
) -> None:
    async def greet(scene: Scene, params: dict[str, Any]) -> dict[str, Any]:
        return {"said": params["text"]}

    act("greet", greet)
    execution = start(
        {"action": "greet", "params": {"text": "Hi @contact.first_name"}},
        {"action": "greet", "params": {"text": "They said: @steps.1.output.said"}},
    )
    run_everything_due()
    execution.refresh_from_db()
    assert execution.status == Status.COMPLETED
    assert execution.output == {
        "steps": {"1": {"said": "Hi Ann"}, "2": {"said": "They said: Hi Ann"}}
    }
    assert [step.state for step in execution.steps.all()] == [StepState.DONE, StepState.DONE]
    assert TriggerGate.objects.get(trigger=execution.trigger).successful_executions == 1


def test_an_unknown_variable_fails_the_run_clearly(
    start: Callable[..., Execution], run_everything_due: Run
) -> None:
    execution = start({"action": "notify", "params": {"message": "@contact.shoe_size"}})
    run_everything_due()
    execution.refresh_from_db()
    assert execution.status == Status.FAILED
    assert "contact.shoe_size" in execution.error_message
    assert execution.steps.get().state == StepState.FAILED


def test_a_retryable_failure_is_tried_again_and_finished_steps_are_not(
    start: Callable[..., Execution],
    act: Callable[..., None],
    run_everything_due: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(performing, "retry_wait", lambda *_, **__: 300.0)
    calls: list[int] = []

    async def count(scene: Scene, params: dict[str, Any]) -> None:
        calls.append(scene.step_number)
        if calls == [1, 2]:
            raise ActionFailed("busy", retryable=True)

    act("count", count)
    execution = start({"action": "count"}, {"action": "count"})
    run_everything_due()
    execution.refresh_from_db()
    assert execution.status == Status.RETRYING
    assert execution.run_at is not None
    Execution.objects.update(run_at=clock.now())
    run_everything_due()
    execution.refresh_from_db()
    assert (execution.status, execution.attempt) == (Status.COMPLETED, 2)
    assert calls == [1, 2, 2]


def test_the_last_attempt_fails(
    start: Callable[..., Execution], act: Callable[..., None], run_everything_due: Run
) -> None:
    async def busy(scene: Scene, params: dict[str, Any]) -> None:
        raise ActionFailed("busy", retryable=True)

    act("busy", busy)
    execution = start({"action": "busy"}, max_attempts=1)
    run_everything_due()
    execution.refresh_from_db()
    assert (execution.status, execution.error_message) == (Status.FAILED, "busy")
    assert TriggerGate.objects.get().consecutive_failures == 1


def test_a_step_that_may_fail_does_not_end_the_run(
    start: Callable[..., Execution], act: Callable[..., None], run_everything_due: Run
) -> None:
    async def fail(scene: Scene, params: dict[str, Any]) -> None:
        raise ActionFailed("no such place")

    act("fail", fail)
    execution = start(
        {"action": "fail", "on_error": "continue"},
        {"action": "notify", "params": {"message": "Hi"}},
    )
    run_everything_due()
    execution.refresh_from_db()
    assert execution.status == Status.COMPLETED
    assert [step.state for step in execution.steps.all()] == [StepState.FAILED, StepState.DONE]


def test_a_defect_ends_the_run_with_its_stack(
    start: Callable[..., Execution], act: Callable[..., None], run_everything_due: Run
) -> None:
    async def defect(scene: Scene, params: dict[str, Any]) -> None:
        raise KeyError("oops")

    act("defect", defect)
    execution = start({"action": "defect"})
    run_everything_due()
    execution.refresh_from_db()
    assert execution.status == Status.FAILED
    assert execution.error is not None
    assert "KeyError" in execution.error["stack"]


def test_a_failure_that_cannot_even_be_read_ends_its_run(
    start: Callable[..., Execution], act: Callable[..., None], run_everything_due: Run
) -> None:
    class Unreadable(Exception):
        def __str__(self) -> str:
            raise ValueError("no words")

    begun = []

    async def defect(scene: Scene, params: dict[str, Any]) -> None:
        begun.append(scene)
        raise Unreadable

    act("defect", defect, effect=Effect.NONE)
    execution = start({"action": "defect"})
    run_everything_due()
    execution.refresh_from_db()
    assert (execution.status, len(begun)) == (Status.FAILED, 1)
    assert execution.error_message == "What it came to could not be read (ValueError)."


def test_one_failure_never_touches_the_others(
    start: Callable[..., Execution], act: Callable[..., None], run_everything_due: Run
) -> None:
    async def fail(scene: Scene, params: dict[str, Any]) -> None:
        raise ActionFailed("no")

    act("fail", fail)
    bad = start({"action": "fail"}, name="Bad")
    good = start({"action": "notify", "params": {"message": "Hi"}}, name="Good")
    run_everything_due()
    statuses = {str(e.pk): e.status for e in Execution.objects.all()}
    assert statuses == {str(bad.pk): Status.FAILED, str(good.pk): Status.COMPLETED}


def test_a_run_that_takes_too_long_is_stopped(
    start: Callable[..., Execution], act: Callable[..., None], run_everything_due: Run
) -> None:
    async def sleep(scene: Scene, params: dict[str, Any]) -> None:
        await asyncio.sleep(60)

    act("sleep", sleep)
    execution = start({"action": "sleep"}, timeout_seconds=1)
    run_everything_due()
    execution.refresh_from_db()
    assert execution.status == Status.TIMED_OUT
    assert execution.steps.get().state == StepState.UNKNOWN


def test_waiting_frees_the_place_and_goes_on(
    start: Callable[..., Execution], run_everything_due: Run
) -> None:
    execution = start(
        {"action": "wait", "params": {"minutes": 5}},
        {"action": "notify", "params": {"message": "Hi"}},
    )
    run_everything_due()
    execution.refresh_from_db()
    assert (execution.status, execution.resumes) == (Status.QUEUED, True)
    assert execution.run_at is not None
    assert execution.run_at - clock.now() > dt.timedelta(minutes=4)
    Execution.objects.update(run_at=clock.now())
    Step.objects.update(started_at=clock.now() - dt.timedelta(minutes=6))
    run_everything_due()
    execution.refresh_from_db()
    assert (execution.status, execution.attempt) == (Status.COMPLETED, 1)


def test_writes_and_their_journal_are_one_transaction(
    start: Callable[..., Execution],
    act: Callable[..., None],
    run_everything_due: Run,
    acme: Workspace,
) -> None:
    def write_and_fail(scene: Scene, params: dict[str, Any]) -> None:
        Note.objects.create(workspace_id=scene.workspace_id, text="half")
        raise ActionFailed("cannot")

    act("half", write_and_fail, effect=Effect.DATABASE)
    execution = start({"action": "half"})
    run_everything_due()
    assert not Note.objects.exists()
    assert execution.steps.get().state == StepState.FAILED
