from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.models import Workspace
from executions import dispatcher
from executions.gates import overlap
from executions.models import Execution, Reason, Status
from tests.stories import MakeAgent
from triggers import blueprint, schedules
from triggers.models import Schedule, Trigger

HOUR = dt.timedelta(hours=1)


def hourly(make_agent: MakeAgent, **config: str) -> Trigger:
    agent = make_agent("Clockwork")
    trigger = Trigger(workspace=agent.workspace)
    fields = {
        "name": "Hourly",
        "agent_id": str(agent.pk),
        "trigger_type": "cron",
        "config": {"cron_expression": "0 * * * *", **config},
    }
    blueprint.store(trigger, fields)
    return trigger


def fire(*, hours: int) -> None:
    slot = Schedule.objects.get().next_slot_at
    assert slot is not None
    schedules.fire_due(now=slot + hours * HOUR)
    dispatcher.dispatch()


def outcomes() -> list[tuple[str, str]]:
    return list(Execution.objects.order_by("position").values_list("status", "reason"))


SKIPPED = (Status.SKIPPED, Reason.OVERLAP)
QUEUED = (Status.QUEUED, "")


@pytest.mark.parametrize(
    "status", ["queued", "running", "retrying", "waiting_approval", "interrupted"]
)
def test_while_a_run_has_not_ended_the_next_is_left_out(
    make_agent: MakeAgent, acme: Workspace, status: str
) -> None:
    hourly(make_agent, overlap="skip")
    fire(hours=0)
    Execution.objects.update(status=status)
    fire(hours=0)
    assert outcomes() == [(status, ""), SKIPPED]
    Execution.objects.filter(status=status).update(status=Status.COMPLETED)
    fire(hours=0)
    assert outcomes()[-1] == QUEUED


def test_of_one_batch_the_first_runs(make_agent: MakeAgent) -> None:
    hourly(make_agent, overlap="skip", catch_up="all")
    fire(hours=2)
    assert outcomes() == [QUEUED, SKIPPED, SKIPPED]


def test_by_default_they_queue_and_nobody_asks(make_agent: MakeAgent) -> None:
    trigger = hourly(make_agent, catch_up="all")
    fire(hours=2)
    assert outcomes() == [QUEUED, QUEUED, QUEUED]
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert overlap.busy([trigger]) == set()
    assert len(seen) == 0
