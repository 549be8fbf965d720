"""What the parts say of themselves; servers that are cut off or hang, through a link."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator

import pytest
import redis
from celery import current_app
from django.db import connections
from pytest_django import Settings
from rest_framework.test import APIClient

from config.lib import clock
from crm import capture
from crm.models import CapturedChange
from crm.models.captured import MAX_ATTEMPTS
from executions import health, heartbeats
from executions.health import IDLE_SECONDS
from executions.heartbeats import GONE_SECONDS
from executions.models import AgentGate
from tests.faults import link
from tests.faults.link import Link
from tests.stories import MakeAgent, MakeTrigger
from triggers import events
from triggers.models import Schedule

pytestmark = pytest.mark.django_db(transaction=True)
SIGNS = ("scheduler", "tick", "dispatch", "execute", "alone")
PATH = "/api/v1/triggers/health"


@pytest.fixture(autouse=True)
def all_are_there(settings: Settings) -> Iterator[None]:
    settings.CELERY_KEY_PREFIX = "test_health:"
    health.forget()
    heartbeats._client().delete(heartbeats._key())
    heartbeats.tell(*SIGNS)
    yield
    health.forget()


@pytest.fixture
def redis_link(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Link]:
    """Redis, broker and signs of life, through a link."""
    connect = current_app.connection_for_write
    with link.to(settings.REDIS_URL) as (wire, url):
        settings.REDIS_URL = url
        monkeypatch.setattr(
            current_app, "connection_for_write", lambda **options: connect(url, **options)
        )
        yield wire


@pytest.fixture
def database_link(settings: Settings) -> Iterator[Link]:
    """The database as new threads connect to it; this thread's own connection stays as it is."""
    with link.to(settings.DATABASE_URL) as (wire, _):
        before = dict(connections.settings["default"])
        connections["default"].ensure_connection()
        connections.settings["default"] |= {"HOST": "127.0.0.1", "PORT": str(wire.port)}
        yield wire
        connections.settings["default"].update(before)
        connections["default"].close()


def last_seen(role: str, *, seconds: float) -> None:
    name = heartbeats._name(role)
    heartbeats._client().zadd(heartbeats._key(), {name: time.time() - seconds})


def statuses() -> dict[str, str]:
    health.forget()
    return {name: part.status for name, part in health.look().items()}


def test_all_is_well() -> None:
    parts = health.look()
    assert {name: part.status for name, part in parts.items()} == {
        "database": "up", "broker": "up", "scheduler": "up", "worker": "up", "listener": "unused",
        "canary": "unused",
    }  # fmt: skip
    assert parts["database"].lag_seconds is not None
    assert health.is_ready()


@pytest.mark.parametrize("role", ["dispatch", "execute"])
def test_a_worker_that_is_gone_is_told_by_its_queue(role: str) -> None:
    last_seen(role, seconds=GONE_SECONDS + 35)
    worker = health.look()["worker"]
    assert (worker.status, health.is_ready()) == ("down", False)
    assert f"No worker of the queue {role} has been seen for 4" in worker.message
    assert worker.age_seconds is not None
    assert worker.age_seconds > 40
    assert statuses()["scheduler"] == "up"


def test_workers_that_do_nothing_are_down() -> None:
    last_seen("tick", seconds=IDLE_SECONDS + 5)
    assert statuses()["worker"] == "down"


def test_without_a_scheduler_there_are_no_ticks_and_the_workers_are_not_to_blame() -> None:
    last_seen("tick", seconds=IDLE_SECONDS + 5)
    last_seen("scheduler", seconds=IDLE_SECONDS + 5)
    assert (statuses()["scheduler"], statuses()["worker"]) == ("down", "up")


def test_the_worker_for_suspects_is_missed_but_not_needed() -> None:
    last_seen("alone", seconds=GONE_SECONDS + 5)
    assert statuses()["worker"] == "degraded"
    assert health.is_ready()


def test_work_that_nobody_takes(make_agent: MakeAgent, make_trigger: MakeTrigger) -> None:
    agent = make_agent("A", {"action": "notify", "params": {"message": "Hi"}})
    AgentGate.objects.create(agent=agent, next_eligible_at=clock.now() - dt.timedelta(minutes=5))
    worker = health.look()["worker"]
    assert (worker.status, worker.message[:31]) == ("degraded", "Work has been waiting for 300 s")
    assert worker.lag_seconds == pytest.approx(300, abs=60)
    agent.workspace.paused = True
    agent.workspace.save()
    assert statuses()["worker"] == "up"


def test_an_event_that_nobody_takes(acme: object, settings: Settings) -> None:
    event = events.emit("sale", workspace_id=acme.pk, payload={})  # type: ignore[attr-defined]
    type(event).objects.update(recorded_at=clock.now() - dt.timedelta(minutes=5))
    assert statuses()["worker"] == "degraded"
    settings.TRIGGERS_ENABLED = False  # then nobody should
    assert statuses()["worker"] == "up"


@pytest.mark.usefixtures("capturing")
def test_capture_that_tells_too_little_or_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    change = CapturedChange.objects.create(
        table="crm_contact", operation="INSERT", changed_at=clock.now(), attempts=MAX_ATTEMPTS
    )
    worker = health.look()["worker"]
    assert (worker.status, "could not be told: 1" in worker.message) == ("degraded", True)
    assert worker.lag_seconds is None
    change.delete()
    assert statuses()["worker"] == "up"
    # A pooler that drops the options of connections.
    monkeypatch.setitem(connections.settings["default"], "OPTIONS", {})
    health.forget()
    worker = health.look()["worker"]
    assert (worker.status, "told twice" in worker.message) == ("degraded", True)
    capture.switch_off()
    assert statuses()["worker"] == "up"


def test_a_schedule_that_is_late(make_agent: MakeAgent, make_trigger: MakeTrigger) -> None:
    agent = make_agent("A", {"action": "notify", "params": {"message": "Hi"}})
    config = {"cron_expression": "0 9 * * *", "timezone": "UTC"}
    make_trigger(agent, "x", trigger_type="cron", config=config)
    assert statuses()["scheduler"] == "up"
    Schedule.objects.update(next_fire_at=clock.now() - dt.timedelta(minutes=2))
    health.forget()
    scheduler = health.look()["scheduler"]
    assert (scheduler.status, scheduler.message[:26]) == ("degraded", "A schedule has been due fo")


@pytest.mark.parametrize("how", ["cut", "hold"])
def test_redis_away(redis_link: Link, how: str) -> None:
    assert statuses()["broker"] == "up"
    getattr(redis_link, how)()
    assert statuses() == {
        "database": "up", "broker": "down", "scheduler": "unknown", "worker": "unknown", "listener": "unused",
        "canary": "unused",
    }  # fmt: skip
    assert not health.is_ready()
    redis_link.join()


@pytest.mark.parametrize("how", ["cut", "hold"])
def test_the_database_away(database_link: Link, api: APIClient, how: str) -> None:
    assert statuses()["database"] == "up"
    getattr(database_link, how)()
    assert statuses() == {
        "database": "down", "broker": "up", "scheduler": "up", "worker": "up", "listener": "unknown",
        "canary": "unused",
    }  # fmt: skip
    answer = APIClient().get(PATH)  # nobody can be recognised now
    told = answer.json()
    assert (answer.status_code, told["status"]) == (503, "unhealthy")
    assert answer["Retry-After"]
    assert told["waiting_events"] is None
    assert "events_are_taken" not in told["checks"]
    assert "127.0.0.1" not in answer.content.decode()
    database_link.join()


def test_a_broker_with_a_password_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = current_app.connection_for_write
    secret = "redis://:tf-canary-91@127.0.0.1:1/0"
    monkeypatch.setattr(
        current_app, "connection_for_write", lambda **options: connect(secret, **options)
    )
    broker = health.look()["broker"]
    assert (broker.status, broker.message) == ("down", "The broker cannot be reached.")


def test_many_askers_ask_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    ages = heartbeats.ages

    def counted() -> dict[str, float]:
        asked.append(1)
        return ages()

    monkeypatch.setattr(health._signs, "_ask", counted)
    for _ in range(20):
        health.look()
    assert len(asked) <= 5  # once a second


def test_a_sign_of_life_needs_redis_itself() -> None:
    assert isinstance(heartbeats._client(), redis.Redis)
