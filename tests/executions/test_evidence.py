"""What a failed run was made of can be read after everything was changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agents.actions import Scene
from agents.models import Agent
from executions.models import Execution, Status
from triggers.models import Event, Trigger

pytestmark = pytest.mark.django_db(transaction=True)
Start = Callable[..., Execution]
Act = Callable[..., None]
Run = Callable[[], None]


def test_a_failed_run_keeps_event_agent_trigger_and_stack(
    start: Start, act: Act, run_everything_due: Run
) -> None:
    async def explode(scene: Scene, params: dict[str, Any]) -> None:
        raise ZeroDivisionError("a defect")

    act("explode", explode)
    execution = start({"action": "explode", "params": {"api_key": "s3cret"}}, max_attempts=1)
    Event.objects.update(payload={"contact": {"first_name": "Ann", "password": "s3cret"}})
    run_everything_due()
    Agent.objects.update(steps=[], name="Changed")
    Trigger.objects.all().delete()
    Event.objects.update(payload={})
    execution.refresh_from_db()
    kept, error = execution.at_failure, execution.error
    assert execution.status == Status.FAILED
    assert kept is not None
    assert error is not None
    assert kept["event"]["payload"]["contact"]["first_name"] == "Ann"
    assert kept["agent"]["name"] == "A"
    assert kept["agent"]["steps"][0]["action"] == "explode"
    assert kept["agent"]["restrictions"]["max_attempts"] == 1
    assert kept["trigger"]["config"] == {"event_type": "sale_a"}
    assert "in explode" in error["stack"]
    assert "s3cret" not in str(kept)


def test_a_good_run_keeps_nothing(start: Start, run_everything_due: Run) -> None:
    execution = start({"action": "notify", "params": {"message": "Hi"}})
    run_everything_due()
    execution.refresh_from_db()
    assert (execution.status, execution.at_failure) == (Status.COMPLETED, None)
