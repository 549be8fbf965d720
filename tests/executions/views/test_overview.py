"""Numbers and health."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from config.lib import clock, ids
from crm.models import Workspace
from executions import health, heartbeats
from executions.models import AgentGate, Status
from tests.executions.views.conftest import MakeExecution, MakeTrigger
from triggers import events
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


def test_stats_count_dead_events_and_none_of_yesterday(api: APIClient, acme: Workspace) -> None:
    """`status=failed` of the list means the same."""
    dead = events.emit("gone", workspace_id=acme.pk, payload={})
    Event.objects.bury(dead.pk, error="broken")
    long_ago = ids.floor(clock.now() - dt.timedelta(hours=25))
    events.emit("old", workspace_id=acme.pk, payload={}, id=long_ago)
    told = api.get("/api/v1/triggers/stats").json()
    counted = ("total_events_24h", "successful_events_24h", "failed_events_24h")
    assert [told[name] for name in counted] == [1, 0, 1]


@pytest.fixture
def all_are_there(settings: Settings) -> Iterator[None]:
    settings.CELERY_KEY_PREFIX = "test_overview:"
    heartbeats._client().delete(heartbeats._key())
    heartbeats.tell("scheduler", "tick", "dispatch", "execute", "alone")
    health.forget()
    yield
    health.forget()


def test_health(all_are_there: None, api: APIClient, acme: Workspace, event: Event) -> None:
    answer = api.get("/api/v1/triggers/health")
    told = answer.json()
    assert (answer.status_code, told["status"]) == (200, "healthy")
    assert set(told["components"]) == {
        "scheduler",
        "database",
        "broker",
        "worker",
        "listener",
        "canary",
    }
    for part in told["components"].values():
        assert set(part) == {"status", "message", "age_seconds", "lag_seconds"}
    assert set(told["checks"]) == {
        "database", "broker", "scheduler", "workers", "events_are_taken", "runs_are_started",
    }  # fmt: skip
    assert all(told["checks"].values())
    assert told["waiting_events"] == 1
    assert told["oldest_waiting_seconds"] >= 0


def test_health_says_what_is_away(all_are_there: None, api: APIClient) -> None:
    heartbeats._client().zrem(heartbeats._key(), heartbeats._name("execute"))
    answer = api.get("/api/v1/triggers/health")
    told = answer.json()
    assert (answer.status_code, told["status"]) == (503, "unhealthy")
    assert told["checks"]["workers"] is False
    assert (
        told["components"]["worker"]["message"] == "No worker of the queue execute has been seen."
    )
    assert told["components"]["scheduler"]["status"] == "up"
    assert answer["Retry-After"]


def test_switched_off_is_not_well(all_are_there: None, api: APIClient, settings: Settings) -> None:
    settings.TRIGGERS_ENABLED = False
    answer = api.get("/api/v1/triggers/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")


def test_health_is_for_members_with_the_scope(db: None) -> None:
    assert APIClient().get("/api/v1/triggers/health").status_code == 401


def test_health_says_when_nobody_takes_events(
    all_are_there: None, api: APIClient, foreign_api: APIClient, event: Event
) -> None:
    Event.objects.update(recorded_at=clock.now() - dt.timedelta(minutes=5))
    told = api.get("/api/v1/triggers/health").json()
    assert (told["status"], told["checks"]["events_are_taken"]) == ("degraded", False)
    assert told["oldest_waiting_seconds"] >= 300
    assert foreign_api.get("/api/v1/triggers/health").json()["status"] == "healthy"


@pytest.mark.parametrize(("minutes", "is_well"), [(-5, False), (5, True)])
def test_health_says_when_nobody_starts_runs(
    all_are_there: None,
    api: APIClient,
    foreign_api: APIClient,
    trigger: Trigger,
    minutes: int,
    is_well: bool,
) -> None:
    """A claim that has looked says when to look again: never more than a moment ago."""
    at = clock.now() + dt.timedelta(minutes=minutes)
    AgentGate.objects.create(agent=trigger.agent, next_eligible_at=at)
    told = api.get("/api/v1/triggers/health").json()
    assert told["checks"]["runs_are_started"] is is_well
    assert told["status"] == ("healthy" if is_well else "degraded")
    assert foreign_api.get("/api/v1/triggers/health").json()["status"] == "healthy"
