"""Numbers and health."""

from __future__ import annotations

import datetime as dt

import pytest
from rest_framework.test import APIClient

from config.lib import clock
from crm.models import Workspace
from executions import readiness
from executions.models import AgentGate, Status
from tests.executions.views.conftest import MakeExecution, MakeTrigger
from triggers.models import Event, Trigger, TriggerStatus


def test_stats_count_what_can_be_seen(
    api: APIClient, foreign_api: APIClient, make_trigger: MakeTrigger, make_execution: MakeExecution
) -> None:
    make_trigger("Paused", enabled=False)
    make_trigger("Broken", trigger_type="event", config={"event_type": "x"})
    Trigger.objects.filter(name="Broken").update(status=TriggerStatus.ERROR)
    for status in (Status.COMPLETED, Status.COMPLETED, Status.FAILED, Status.TIMED_OUT):
        make_execution(status=status)
    assert api.get("/api/v1/triggers/stats").json() == {
        "total_triggers": 3,
        "active_triggers": 1,
        "paused_triggers": 1,
        "error_triggers": 1,
        "triggers_by_type": {"custom": 2, "event": 1},
        "total_events_24h": 1,
        "successful_events_24h": 1,
        "failed_events_24h": 1,
    }
    assert foreign_api.get("/api/v1/triggers/stats").json()["total_events_24h"] == 0


def test_health(api: APIClient, acme: Workspace, event: Event) -> None:
    readiness.tick_seen()
    told = api.get("/api/v1/triggers/health").json()
    assert told["status"] == "healthy"
    assert set(told["checks"]) == {
        "database", "broker", "workers", "events_are_taken", "runs_are_started",
    }  # fmt: skip
    assert all(told["checks"].values())
    assert told["waiting_events"] == 1
    assert told["oldest_waiting_seconds"] >= 0


def test_health_says_what_is_away(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "workers_are_about", lambda: False)
    told = api.get("/api/v1/triggers/health").json()
    assert (told["status"], told["checks"]["workers"]) == ("degraded", False)


def test_health_says_when_nobody_takes_events(
    api: APIClient, foreign_api: APIClient, event: Event
) -> None:
    readiness.tick_seen()
    Event.objects.update(recorded_at=clock.now() - dt.timedelta(minutes=5))
    told = api.get("/api/v1/triggers/health").json()
    assert (told["status"], told["checks"]["events_are_taken"]) == ("degraded", False)
    assert told["oldest_waiting_seconds"] >= 300
    assert foreign_api.get("/api/v1/triggers/health").json()["status"] == "healthy"


@pytest.mark.parametrize(("minutes", "is_well"), [(-5, False), (5, True)])
def test_health_says_when_nobody_starts_runs(
    api: APIClient, foreign_api: APIClient, trigger: Trigger, minutes: int, is_well: bool
) -> None:
    """A claim that has looked says when to look again: never more than a moment ago."""
    readiness.tick_seen()
    at = clock.now() + dt.timedelta(minutes=minutes)
    AgentGate.objects.create(agent=trigger.agent, next_eligible_at=at)
    told = api.get("/api/v1/triggers/health").json()
    assert told["checks"]["runs_are_started"] is is_well
    assert told["status"] == ("healthy" if is_well else "degraded")
    assert foreign_api.get("/api/v1/triggers/health").json()["status"] == "healthy"
