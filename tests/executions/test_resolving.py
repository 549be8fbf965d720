"""A run that was interrupted inside an action outside: a person decides, and the run goes on or ends."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from agents.actions import Effect, Scene
from agents.models import Agent
from config.lib import clock
from config.lib.threads import in_thread
from executions import dispatcher, executor, queue, reaper, resolving
from executions.models import (
    AgentGate,
    AgentStart,
    Alert,
    AlertKind,
    Execution,
    Status,
    Step,
    StepState,
)
from executions.resolving import CannotResolve, Resolution
from triggers import events

pytestmark = pytest.mark.django_db(transaction=True)
Start = Callable[..., Execution]
Act = Callable[..., None]
Run = Callable[[], None]
SEND, ECHO = {"action": "post"}, {"action": "echo", "params": {"text": "@steps.1.output"}}


@pytest.fixture
def sent(act: Act) -> list[str]:
    """What reached the world outside: one entry per call of the action `post`."""
    calls: list[str] = []

    async def post(scene: Scene, params: dict[str, Any]) -> dict[str, Any]:
        calls.append(scene.idempotency_key)
        return {"id": len(calls)}

    async def echo(scene: Scene, params: dict[str, Any]) -> Any:
        return params["text"]

    act("post", post)
    act("echo", echo, effect=Effect.NONE)
    return calls


@pytest.fixture
def interrupted(start: Start) -> Callable[..., Execution]:
    """Its worker died after it had begun its first step and before it could say how that ended."""

    def make(*steps: dict[str, Any], **limits: Any) -> Execution:
        reaper._seen.clear()
        execution = start(*(steps or (SEND, ECHO)), **limits)
        queue.claim(lease=uuid.uuid4(), worker="w", places=10)
        Step.objects.create(
            execution=execution,
            number=1,
            kind="post",
            effect="outside",
            idempotency_key=f"{execution.pk}:1",
            state=StepState.STARTED,
            request={"to": "ann@example.org"},
            started_at=clock.now(),
        )
        for seconds in (0, 41, 62):
            reaper.reap(monotonic=partial(float, seconds))
        execution.refresh_from_db()
        assert execution.status == Status.INTERRUPTED
        return execution

    return make


def go_on() -> None:
    executor.drain(slots=1, suspects=True)


def test_it_is_done_again_under_the_same_key(
    interrupted: Callable[..., Execution], sent: list[str], run_everything_due: Run
) -> None:
    execution = interrupted(max_executions_per_minute=1, max_executions_per_day=1)
    resolving.resolve(execution, Resolution.RETRY, by="Ann")
    assert execution.steps.get().state == StepState.PROPOSED
    go_on()
    execution.refresh_from_db()
    assert (execution.status, execution.attempt) == (Status.COMPLETED, 1)
    assert sent == [f"{execution.pk}:1"]
    assert AgentStart.objects.count() == 1
    assert [step.state for step in execution.steps.all()] == [StepState.DONE, StepState.DONE]


def test_it_happened_and_the_run_goes_on_after_it(
    interrupted: Callable[..., Execution], sent: list[str], run_everything_due: Run
) -> None:
    execution = interrupted(max_executions_per_minute=1, max_executions_per_day=1)
    resolving.resolve(execution, Resolution.MARK_DONE, by="Ann", output="as Ann saw it")
    go_on()
    execution.refresh_from_db()
    first, second = execution.steps.all()
    assert (execution.status, execution.attempt, sent) == (Status.COMPLETED, 1, [])
    assert (first.state, first.response) == (StepState.DONE, "as Ann saw it")
    assert "Ann" in first.error_message
    assert second.response == "as Ann saw it"
    assert AgentStart.objects.count() == 1


def test_cancelled_it_stays_unknown(
    interrupted: Callable[..., Execution], sent: list[str], run_everything_due: Run
) -> None:
    execution = interrupted()
    resolving.resolve(execution, Resolution.CANCEL, by="Ann")
    run_everything_due()
    execution.refresh_from_db()
    assert (execution.status, sent) == (Status.CANCELLED, [])
    assert execution.finished_at is not None
    assert execution.steps.get().state == StepState.UNKNOWN


@pytest.mark.parametrize("resolution", list(Resolution))
def test_of_two_people_one_decides(
    resolution: Resolution, interrupted: Callable[..., Execution], sent: list[str]
) -> None:
    execution = interrupted()
    late = Execution.objects.get(pk=execution.pk)
    resolving.resolve(execution, resolution, by="Ann")
    with pytest.raises(CannotResolve, match="any more"):
        resolving.resolve(late, Resolution.RETRY, by="Bob")


@pytest.mark.parametrize("change", ["agent paused", "agent gone", "trigger off", "trigger gone"])
def test_what_would_be_skipped_is_refused_and_can_be_cancelled(
    change: str, interrupted: Callable[..., Execution], sent: list[str]
) -> None:
    execution = interrupted()
    agent, trigger = execution.agent, execution.trigger
    assert agent is not None
    assert trigger is not None
    changes: dict[str, Callable[[], object]] = {
        "agent paused": lambda: Agent.objects.update(status="paused"),
        "agent gone": agent.delete,
        "trigger off": lambda: type(trigger).objects.update(status="paused"),
        "trigger gone": trigger.delete,
    }
    changes[change]()
    execution = Execution.objects.get()
    with pytest.raises(CannotResolve):
        resolving.resolve(execution, Resolution.RETRY, by="Ann")
    assert Execution.objects.get().status == Status.INTERRUPTED
    resolving.resolve(execution, Resolution.CANCEL, by="Ann")
    assert Execution.objects.get().status == Status.CANCELLED


def test_one_alert_put_away_by_the_decision(
    interrupted: Callable[..., Execution], sent: list[str]
) -> None:
    execution = interrupted()
    alert = Alert.objects.get()
    assert (alert.kind, alert.execution_id, alert.resolved_at) == (
        AlertKind.INTERRUPTED,
        execution.pk,
        None,
    )
    resolving.resolve(execution, Resolution.CANCEL, by="Ann")
    assert Alert.objects.get().resolved_at is not None


def test_a_run_that_is_cancelled_inside_an_action_outside_is_alerted_too(
    start: Start, act: Act, run_everything_due: Run
) -> None:
    async def ask(scene: Scene, params: dict[str, Any]) -> None:
        await in_thread(Execution.objects.request_cancel, scene.execution_id)
        await asyncio.sleep(30)

    act("ask", ask)
    execution = start({"action": "ask"})
    executor.drain()
    execution.refresh_from_db()
    assert execution.status == Status.INTERRUPTED
    assert Alert.objects.get().kind == AlertKind.INTERRUPTED
    resolving.resolve(execution, Resolution.MARK_DONE, by="Ann")
    run_everything_due()
    execution.refresh_from_db()
    assert execution.status == Status.COMPLETED


def test_other_runs_of_the_agent_were_not_held_up(
    interrupted: Callable[..., Execution], sent: list[str], run_everything_due: Run
) -> None:
    execution = interrupted(max_concurrent=1)
    events.emit("sale_a", workspace_id=execution.workspace_id, payload={})
    dispatcher.dispatch()
    AgentGate.objects.update(next_eligible_at=clock.now())
    executor.drain()
    assert Execution.objects.exclude(pk=execution.pk).get().status == Status.COMPLETED
