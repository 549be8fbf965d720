"""The share of a day that senders whom nobody verified may use."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from executions.gates import Asked, Ready, Room, claim_gates, unsigned_share
from executions.models import AgentGate, AgentStart, Reason
from tests.stories import MakeAgent, MakeTrigger
from triggers.models import Trigger

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def trigger(make_agent: MakeAgent, make_trigger: MakeTrigger) -> Trigger:
    return make_trigger(make_agent("A", {"action": "notify", "params": {"message": "Hi"}}), "sale")


def asked(trigger: Trigger, **limits: int | None) -> Asked:
    AgentGate.objects.get_or_create(agent=trigger.agent)
    gate = AgentGate.objects.select_related("agent__workspace").get(agent=trigger.agent)
    gate.agent.restrictions = limits
    return Asked([gate], [trigger], NOW)


@pytest.mark.parametrize(
    ("share", "limit", "places"),
    [(0.5, 100, 50), (0.5, 3, 2), (0.5, 1, 1), (0.0, 100, 0), (1.0, 7, 7), (0.5, 0, 0)],
)
def test_how_many_that_are(settings: Settings, share: float, limit: int, places: int) -> None:
    settings.UNSIGNED_DAILY_SHARE = share
    assert unsigned_share.of_day(limit) == places


@pytest.mark.django_db
def test_only_first_starts_of_today_from_such_senders_count(trigger: Trigger) -> None:
    starts = [
        (1, True, True),
        (2, True, True),
        (3, True, False),
        (4, False, True),
        (-1, True, True),
    ]
    for hour, is_first, is_unsigned in starts:
        at = dt.datetime(2026, 3, 1, tzinfo=dt.UTC) + dt.timedelta(hours=hour)
        AgentStart.objects.create(
            workspace_id=trigger.agent.workspace_id,
            agent=trigger.agent,
            trigger=trigger,
            at=at,
            is_first=is_first,
            is_unsigned=is_unsigned,
        )
    question = asked(trigger, max_executions_per_day=10)
    with CaptureQueriesContext(connection) as seen:
        rooms = unsigned_share.free(question)
    assert rooms == {("agent", trigger.agent_id): Room(3, reason=Reason.DAILY_LIMIT)}
    assert len(seen) == 1


@pytest.mark.django_db
def test_days_without_a_limit_have_no_share(trigger: Trigger) -> None:
    assert unsigned_share.free(asked(trigger, max_executions_per_day=None)) == {}


@pytest.mark.parametrize(
    ("is_unsigned", "attempt", "resumes", "counts"),
    [(True, 0, False, True), (False, 0, False, False), (True, 1, False, False), (True, 1, True, False)],
    ids=["first", "verified", "retry", "goes on"],
)  # fmt: skip
def test_what_takes_a_place(is_unsigned: bool, attempt: int, resumes: bool, counts: bool) -> None:
    (gate,) = [one for one in claim_gates() if one.name == unsigned_share.NAME]
    nobody = AgentGate().pk
    row = Ready(nobody, nobody, nobody, 1, attempt, resumes, False, NOW, is_unsigned)
    assert gate.counts(row) is counts
