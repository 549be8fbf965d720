"""What stops runs: people who cancel, a trigger that is gone, one failure after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from agents.actions import ActionFailed, Effect, Scene
from config.lib.threads import in_thread
from crm.models import Workspace
from executions import launch
from executions.models import Alert, AlertKind, Execution, Reason, Status
from triggers import events

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]


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
