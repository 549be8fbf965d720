"""The claim gates on real rows: what they count and what they leave out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.models import Workspace
from executions.gates import Asked, Room, concurrency, daily_limit, hourly_window, minute_window
from executions.models import AgentGate, AgentStart, Execution, Reason
from tests.stories import MakeAgent, MakeTrigger
from triggers.models import Event, Trigger

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def trigger(make_agent: MakeAgent, make_trigger: MakeTrigger) -> Trigger:
    return make_trigger(make_agent("A", {"action": "notify", "params": {"message": "Hi"}}), "sale")


@pytest.fixture
def ran(acme: Workspace, trigger: Trigger) -> Callable[..., None]:
    """`ran(status="running", started_at=...)` adds an execution of the trigger."""

    def make(**fields: Any) -> None:
        event = Event.objects.create(
            workspace=acme,
            type="sale",
            topic="sale",
            source="test",
            occurred_at=NOW,
            root_id=acme.pk,
            state="matched",
        )
        Execution.objects.create(
            workspace=acme,
            event=event,
            trigger=trigger,
            agent=trigger.agent,
            listener_id=trigger.pk,
            **fields,
        )

    return make


def asked(trigger: Trigger, now: dt.datetime = NOW) -> Asked:
    AgentGate.objects.get_or_create(agent=trigger.agent)
    gate = AgentGate.objects.select_related("agent__workspace").get(agent=trigger.agent)
    gate.agent.restrictions = trigger.agent.restrictions
    return Asked([gate], [trigger], now)


def test_the_day_is_that_of_the_workspace(trigger: Trigger) -> None:
    Workspace.objects.update(timezone="America/New_York")  # midnight is 05:00 UTC
    for hour, minute, is_first in ((4, 59, True), (5, 1, True), (5, 2, False)):
        at = dt.datetime(2026, 3, 1, hour, minute, tzinfo=dt.UTC)
        AgentStart.objects.create(
            workspace_id=trigger.agent.workspace_id,
            agent=trigger.agent,
            trigger=trigger,
            at=at,
            is_first=is_first,
        )
    room = daily_limit.free(asked(trigger))["agent", trigger.agent_id]
    assert room == Room(99, reason=Reason.DAILY_LIMIT)


def test_the_minute_counts_starts(trigger: Trigger) -> None:
    for seconds in (61, 60, 59, 1):
        AgentStart.objects.create(
            workspace_id=trigger.agent.workspace_id,
            agent=trigger.agent,
            trigger=trigger,
            at=NOW - dt.timedelta(seconds=seconds),
        )
    assert minute_window.free(asked(trigger)) == {("agent", trigger.agent_id): Room(8)}


def test_the_hour_counts_starts_of_the_trigger(trigger: Trigger) -> None:
    AgentStart.objects.create(
        workspace_id=trigger.agent.workspace_id,
        agent=trigger.agent,
        trigger=trigger,
        at=NOW - dt.timedelta(minutes=59),
    )
    AgentStart.objects.create(
        workspace_id=trigger.agent.workspace_id, agent=trigger.agent, trigger=None, at=NOW
    )
    assert hourly_window.free(asked(trigger)) == {("trigger", trigger.pk): Room(59)}


def test_a_clock_that_was_set_back_fills_no_window(trigger: Trigger) -> None:
    ahead = [dt.timedelta(seconds=30), *[dt.timedelta(hours=2)] * 20]
    for later in ahead:
        AgentStart.objects.create(
            workspace_id=trigger.agent.workspace_id,
            agent=trigger.agent,
            trigger=trigger,
            at=NOW + later,
            is_first=True,
        )
    assert minute_window.free(asked(trigger)) == {("agent", trigger.agent_id): Room(9)}
    hour = hourly_window.free(asked(trigger))["trigger", trigger.pk]
    assert hour.places == (trigger.max_executions_per_hour or 0) - 1
    day = daily_limit.free(asked(trigger))["agent", trigger.agent_id]
    assert day.places == 100 - len(ahead)


def test_concurrency_counts_what_runs(trigger: Trigger, ran: Callable[..., None]) -> None:
    trigger.max_concurrent = 3
    trigger.agent.restrictions = {"max_concurrent": 5}
    ran(status="running")
    ran(status="completed", finished_at=NOW)
    rooms = concurrency.free(asked(trigger))
    assert rooms == {("agent", trigger.agent_id): Room(4), ("trigger", trigger.pk): Room(2)}


@pytest.mark.parametrize(
    "gate", [daily_limit, minute_window, hourly_window, concurrency], ids=lambda gate: gate.__name__
)
def test_one_query_each(trigger: Trigger, gate: Any) -> None:
    trigger.max_concurrent = 3
    question = asked(trigger)
    with CaptureQueriesContext(connection) as seen:
        gate.free(question)
    assert len(seen) == 1
