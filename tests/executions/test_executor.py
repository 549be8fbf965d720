from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from agents.actions import ActionFailed, Effect, Scene
from config.lib import clock
from config.lib.threads import in_thread
from crm.models import Note, Workspace
from executions import executor, launch, performing, queue, reaper, sweep
from executions.models import (
    AgentGate,
    Alert,
    AlertKind,
    Execution,
    Losses,
    Reason,
    Status,
    Step,
    StepState,
    TriggerGate,
)
from triggers import events

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


def test_a_running_run_is_cancelled(
    start: Callable[..., Execution], act: Callable[..., None], run_everything_due: Run
) -> None:
    async def cancel_self(scene: Scene, params: dict[str, Any]) -> None:
        await in_thread(Execution.objects.request_cancel, scene.execution_id)
        await asyncio.sleep(30)

    act("patient", cancel_self, effect=Effect.REPEATABLE)
    execution = start({"action": "patient"})
    run_everything_due()
    execution.refresh_from_db()
    assert execution.status == Status.CANCELLED


def test_a_queued_run_is_cancelled_at_once(
    start: Callable[..., Execution], run_everything_due: Run
) -> None:
    execution = start({"action": "notify", "params": {"message": "Hi"}})
    assert launch.cancel(execution)
    run_everything_due()
    execution.refresh_from_db()
    assert execution.status == Status.CANCELLED
    assert not launch.cancel(execution)


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


def test_a_late_worker_writes_nothing(
    start: Callable[..., Execution], act: Callable[..., None], run_everything_due: Run
) -> None:
    """Its lease was given to somebody else while it hung."""

    async def hang(scene: Scene, params: dict[str, Any]) -> None:
        await in_thread(Execution.objects.update, lease=uuid.uuid4())

    act("hang", hang, effect=Effect.NONE)
    execution = start({"action": "hang"}, {"action": "create_note", "params": {"text": "late"}})
    executor.drain()
    execution.refresh_from_db()
    assert execution.status == Status.RUNNING
    assert not Note.objects.exists()


def test_a_late_end_is_refused_and_told(
    start: Callable[..., Execution], act: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    async def hang(scene: Scene, params: dict[str, Any]) -> None:
        await in_thread(Execution.objects.update, lease=uuid.uuid4())

    act("hang", hang, effect=Effect.NONE)
    execution = start({"action": "hang"})
    executor.drain()
    execution.refresh_from_db()
    assert execution.status == Status.RUNNING
    (said,) = [one for one in caplog.records if "late ends were refused" in one.message]
    assert vars(said)["runs"] == 1


class TestLostWorkers:
    """A worker that dies is noticed by its heartbeat, on the reaper's own clock."""

    @pytest.fixture(autouse=True)
    def forget(self) -> None:
        reaper._seen.clear()

    def die(self, now: float = 0.0) -> None:
        """Its lease is seen standing still, doubted, and given up."""
        for seconds in (0, 41, 62):
            reaper.reap(monotonic=partial(float, now + seconds))

    def claim(self, **more: Any) -> list[uuid.UUID]:
        AgentGate.objects.update(next_eligible_at=clock.now())
        return queue.claim(lease=uuid.uuid4(), worker="w", places=10, **more)

    def test_its_runs_go_on_alone(
        self, run_everything_due: Run, start: Callable[..., Execution]
    ) -> None:
        execution = start({"action": "notify", "params": {"message": "Hi"}})
        self.claim()
        self.die()
        execution.refresh_from_db()
        assert (execution.status, execution.losses, execution.resumes) == (Status.QUEUED, 1, True)
        assert executor.drain() == 0
        assert executor.drain(slots=1, suspects=True) == 1
        execution.refresh_from_db()
        assert (execution.status, execution.attempt) == (Status.COMPLETED, 1)

    def test_a_worker_of_short_runs_keeps_them(self, start: Callable[..., Execution]) -> None:
        """None lives long enough to beat, and each look finds another one, at the same pulse."""
        lease = uuid.uuid4()
        for number, seconds in enumerate(range(0, 300, 20)):
            start({"action": "notify", "params": {"message": "Hi"}}, name=f"Short{number}")
            AgentGate.objects.update(next_eligible_at=clock.now())
            assert len(queue.claim(lease=lease, worker="w", places=10)) == 1
            assert reaper.reap(monotonic=partial(float, seconds)) == 0
            Execution.objects.running_under(lease).update(status=Status.COMPLETED, lease=None)

    def test_a_beating_worker_keeps_its_runs(self, start: Callable[..., Execution]) -> None:
        execution = start({"action": "notify", "params": {"message": "Hi"}})
        self.claim()
        reaper.reap(monotonic=lambda: 0)
        execution.refresh_from_db()
        Execution.objects.beat(execution.lease)  # type: ignore[arg-type]
        assert reaper.reap(monotonic=lambda: 61) == 0

    def test_twice_alone_is_poison(self, start: Callable[..., Execution]) -> None:
        execution = start({"action": "notify", "params": {"message": "Hi"}})
        self.claim()
        for number in range(3):
            self.die(now=number * 1000)
            self.claim(losses=Losses.MORE if number else Losses.ONE)
        execution.refresh_from_db()
        assert (execution.status, execution.reason) == (Status.FAILED, Reason.POISON)

    def test_a_started_step_outside_needs_a_person(self, start: Callable[..., Execution]) -> None:
        execution = start({"action": "send_email", "params": {}})
        self.claim()
        Step.objects.create(
            execution=execution,
            number=1,
            kind="send_email",
            effect="outside",
            idempotency_key="k",
            state=StepState.STARTED,
            started_at=clock.now(),
        )
        self.die()
        execution.refresh_from_db()
        assert execution.status == Status.INTERRUPTED
        assert execution.steps.get().state == StepState.UNKNOWN


def test_the_sweep_finds_what_no_message_told(
    start: Callable[..., Execution], acme: Workspace, run_everything_due: Run
) -> None:
    execution = start({"action": "notify", "params": {"message": "Hi"}})
    AgentGate.objects.update(next_eligible_at=None)
    assert executor.drain() == 0
    sweep.sweep()
    assert executor.drain() == 1
    execution.refresh_from_db()
    assert execution.status == Status.COMPLETED


def test_a_deleted_trigger_leaves_its_history(
    start: Callable[..., Execution], run_everything_due: Run
) -> None:
    execution = start({"action": "notify", "params": {"message": "Hi"}})
    assert execution.trigger is not None
    execution.trigger.delete()
    run_everything_due()
    execution.refresh_from_db()
    assert (execution.status, execution.reason) == (Status.SKIPPED, Reason.TRIGGER_DISABLED)
    assert execution.trigger_name == "A on sale_a"


def test_a_trigger_that_fails_again_and_again_stops(
    acme: Workspace,
    start: Callable[..., Execution],
    act: Callable[..., None],
    run_everything_due: Run,
) -> None:
    async def fail(scene: Scene, params: dict[str, Any]) -> None:
        raise ActionFailed("no such place")

    act("fail", fail)
    trigger = start({"action": "fail"}).trigger
    assert trigger is not None
    for _ in range(6):
        events.emit("sale_a", workspace_id=acme.pk, payload={})
        run_everything_due()
    trigger.refresh_from_db()
    assert trigger.status == "error"
    assert trigger.last_error.endswith("no such place")
    assert Alert.objects.get().kind == AlertKind.TRIGGER_ERROR
    assert Execution.objects.filter(status=Status.FAILED).count() == 5
    assert Execution.objects.filter(reason=Reason.TRIGGER_ERROR).count() == 2
    launch.resume(trigger)
    events.emit("sale_a", workspace_id=acme.pk, payload={})
    run_everything_due()
    assert Execution.objects.filter(status=Status.FAILED).count() == 6
