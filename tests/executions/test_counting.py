"""Which ends count against a trigger."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from agents.actions import ActionFailed, Scene
from agents.models import Agent, AgentStatus
from config.lib import clock
from crm.models import Workspace
from executions import executor, launch, queue, reaper
from executions.models import AgentGate, Alert, Execution, Losses, Reason, Status, TriggerGate
from triggers import events
from triggers.models import Trigger, TriggerStatus

pytestmark = pytest.mark.django_db(transaction=True)
Start = Callable[..., Execution]
Act = Callable[..., None]
Run = Callable[[], None]


@pytest.fixture
def moods(act: Act) -> list[str]:
    """The action `try` fails while there is a mood in the list."""
    bad: list[str] = ["bad"]

    async def attempt(scene: Scene, params: dict[str, Any]) -> None:
        if bad:
            raise ActionFailed("not today")

    act("try", attempt)
    return bad


def test_poison_is_a_failure_like_any_other(start: Start, run_everything_due: Run) -> None:
    execution = start({"action": "notify", "params": {"message": "Hi"}})
    reaper._seen.clear()
    for number, losses in enumerate(Losses):
        AgentGate.objects.update(next_eligible_at=clock.now())
        queue.claim(lease=uuid.uuid4(), worker="w", places=10, losses=losses)
        for seconds in (0, 41, 62):
            reaper.reap(monotonic=partial(float, number * 1000 + seconds))
    execution.refresh_from_db()
    assert (execution.status, execution.reason) == (Status.FAILED, Reason.POISON)
    gate = TriggerGate.objects.get(trigger__executions=execution)
    assert (gate.consecutive_failures, gate.failed_executions) == (1, 1)
    assert execution.at_failure is not None
    assert execution.at_failure["agent"]["steps"][0]["action"] == "notify"


def test_poison_can_stop_a_trigger(start: Start, run_everything_due: Run) -> None:
    execution = start({"action": "notify", "params": {"message": "Hi"}})
    Trigger.objects.update(failure_threshold=1)
    reaper._seen.clear()
    Execution.objects.update(losses=2)
    queue.claim(lease=uuid.uuid4(), worker="w", places=10, losses=Losses.MORE)
    for seconds in (0, 41, 62):
        reaper.reap(monotonic=partial(float, seconds))
    trigger = Trigger.objects.get(executions=execution)
    assert trigger.status == TriggerStatus.ERROR
    assert "worker died" in trigger.last_error


def test_tests_never_count_and_use_no_cooldown_up(
    start: Start, moods: list[str], run_everything_due: Run
) -> None:
    trigger = start({"action": "try"}).trigger
    assert trigger is not None
    run_everything_due()
    Trigger.objects.update(failure_threshold=1)
    last_accepted_at = TriggerGate.objects.get(pk=trigger.pk).last_accepted_at
    for status in (AgentStatus.LIVE, AgentStatus.DRAFT):
        Agent.objects.update(status=status)
        trigger = Trigger.objects.select_related("agent").get(pk=trigger.pk)
        launch.run_now(trigger.agent, inputs={}, actor="system", is_test=True, trigger=trigger)
        run_everything_due()
        assert Agent.objects.get().status == status
    gate = TriggerGate.objects.get(pk=trigger.pk)
    assert (gate.consecutive_failures, gate.last_accepted_at) == (1, last_accepted_at)
    assert Execution.objects.filter(is_test=True, status=Status.FAILED).count() == 2
    assert Trigger.objects.get(pk=trigger.pk).status == TriggerStatus.ACTIVE


def test_a_trigger_stops_once_is_resumed_and_forgets_after_a_success(
    acme: Workspace, start: Start, moods: list[str], run_everything_due: Run
) -> None:
    trigger = start({"action": "try"}, max_executions_per_minute=None).trigger
    assert trigger is not None

    def happen(times: int) -> None:
        for _ in range(times):
            events.emit("sale_a", workspace_id=acme.pk, payload={})
        executor.drain()
        run_everything_due()

    happen(3)
    assert TriggerGate.objects.get(pk=trigger.pk).consecutive_failures == 4
    moods.clear()
    happen(1)
    assert TriggerGate.objects.get(pk=trigger.pk).consecutive_failures == 0
    moods.append("bad")
    happen(9)
    trigger.refresh_from_db()
    assert (trigger.status, Alert.objects.count()) == (TriggerStatus.ERROR, 1)
    assert trigger.last_error.endswith("not today")
    happen(1)
    assert Execution.objects.order_by("position").last().reason == Reason.TRIGGER_ERROR  # type: ignore[union-attr]
    launch.resume(trigger)
    moods.clear()
    happen(1)
    assert Execution.objects.order_by("position").last().status == Status.COMPLETED  # type: ignore[union-attr]
    assert TriggerGate.objects.get(pk=trigger.pk).consecutive_failures == 0
