from __future__ import annotations

import datetime as dt
import uuid

import pytest

from config.lib import clock, ids
from crm.models import Workspace
from executions import prune
from executions.models import AgentStart, Execution, Status
from tests.stories import MakeAgent, MakeTrigger
from triggers.models import Event, EventState, Trigger

pytestmark = pytest.mark.django_db


@pytest.fixture
def trigger(make_agent: MakeAgent, make_trigger: MakeTrigger) -> Trigger:
    return make_trigger(make_agent("A", {"action": "notify", "params": {"message": "Hi"}}), "sale")


def happened(acme: Workspace, *, days_ago: float, state: str = EventState.MATCHED) -> Event:
    at = clock.now() - dt.timedelta(days=days_ago)
    pk = uuid.UUID(int=ids.floor(at).int + uuid.uuid4().int % 2**60)
    return Event.objects.create(
        id=pk,
        workspace=acme,
        type="sale",
        topic="sale",
        source="t",
        occurred_at=at,
        root_id=pk,
        state=state,
    )


def ran(event: Event, trigger: Trigger, *, status: str, days_ago: float) -> Execution:
    return Execution.objects.create(
        workspace=event.workspace,
        event=event,
        trigger=trigger,
        agent=trigger.agent,
        listener_id=uuid.uuid4(),
        status=status,
        created_at=clock.now() - dt.timedelta(days=days_ago),
    )


def test_old_events_go_with_what_came_of_them(acme: Workspace, trigger: Trigger) -> None:
    old = happened(acme, days_ago=31)
    ran(old, trigger, status=Status.COMPLETED, days_ago=31)
    young = happened(acme, days_ago=29)
    prune.prune()
    assert list(Event.objects.all()) == [young]
    assert not Execution.objects.exists()


def test_what_has_not_ended_or_not_begun_stays(acme: Workspace, trigger: Trigger) -> None:
    waits, again, new = (happened(acme, days_ago=40) for _ in range(3))
    ran(waits, trigger, status=Status.QUEUED, days_ago=40)
    ran(again, trigger, status=Status.COMPLETED, days_ago=40)
    ran(again, trigger, status=Status.COMPLETED, days_ago=1)
    Event.objects.filter(pk=new.pk).update(state=EventState.NEW)
    prune.prune()
    assert Event.objects.count() == 3


def test_starts_that_no_gate_counts_go(trigger: Trigger) -> None:
    now = clock.now()
    for hours in (51, 1):
        AgentStart.objects.create(
            agent=trigger.agent, trigger=trigger, at=now - dt.timedelta(hours=hours)
        )
    assert prune.prune() == 1
