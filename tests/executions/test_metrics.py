"""Metrics as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings
from rest_framework.test import APIClient

from agents.models import Agent
from config.lib import counters
from config.up.place import REPOSITORY
from crm import submissions
from crm.models import Contact, Form, Workspace
from executions import health, heartbeats, metrics
from executions.models import Alert, AlertKind
from tests.faults import link
from tests.stories import MakeAgent, MakeTrigger

pytestmark = pytest.mark.django_db(transaction=True)
NOTIFY = {"action": "notify", "params": {"message": "Hi"}}
Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture(autouse=True)
def own_place(settings: Settings) -> Iterator[None]:
    counters.flush()
    settings.CELERY_KEY_PREFIX = "test_metrics:"
    counters._client().delete(counters._hash())
    heartbeats.tell("scheduler", "tick", "dispatch", "execute", "alone")
    health.forget()
    metrics.forget()
    yield
    counters.flush()
    counters._client().delete(counters._hash())
    health.forget()
    metrics.forget()


def read(text: bytes) -> Series:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_what_happened_is_counted(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    run_everything_due: Callable[[], None],
) -> None:
    make_trigger(make_agent("Greeter", NOTIFY), "contact_created")
    make_trigger(make_agent("Sleeper", NOTIFY, status="paused"), "contact_created")
    Contact.objects.create(workspace=acme, email="ann@example.org")
    run_everything_due()
    form = Form.objects.create(workspace=acme, name="F", slug="f")
    submissions.submit(form, {"name": "A", "email": "a@example.org"}, is_spam=True)
    found = read(metrics.of_installation())
    assert found["triggerfish_events_recorded_total", (("source", "crm"),)] == 1
    decided = "triggerfish_executions_decided_total"
    assert found[decided, (("reason", ""), ("status", "queued"))] == 1
    assert found[decided, (("reason", "agent_paused"), ("status", "skipped"))] == 1
    assert found["triggerfish_runs_passed_total", (("status", "completed"),)] == 1
    assert found["triggerfish_form_answers_total", (("outcome", "spam"),)] == 1
    for name in ("dispatch", "claim", "run_wait", "event_wait", "run"):
        assert found[f"triggerfish_{name}_seconds_count", ()] >= 1, name
        assert found[f"triggerfish_{name}_seconds_bucket", (("le", "+Inf"),)] >= 1, name


def test_what_stands_in_the_tables(
    acme: Workspace, other: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger
) -> None:
    make_trigger(make_agent("A", NOTIFY), "contact_created")
    Agent.objects.create(workspace=other, name="B")
    Alert.objects.create(workspace=acme, kind=AlertKind.LOOP, message="", dedupe_key="x")
    Contact.objects.create(workspace=acme, email="ann@example.org")
    found = read(metrics.of_installation())
    assert found["triggerfish_triggers", (("status", "active"), ("type", "event"))] == 1
    assert found["triggerfish_agents", (("status", "live"),)] == 1
    assert found["triggerfish_agents", (("status", "draft"),)] == 1
    assert found["triggerfish_executions_open", (("status", "queued"),)] == 0
    assert found["triggerfish_events_waiting", ()] == 1
    assert found["triggerfish_alerts_open", (("kind", "loop"),)] == 1
    assert found["triggerfish_part_up", (("part", "worker"),)] == 1
    assert found["triggerfish_part_lag_seconds", (("part", "worker"),)] > 0


def test_of_a_workspace(
    api: APIClient, foreign_api: APIClient, acme: Workspace, make_agent: MakeAgent
) -> None:
    make_agent("A", NOTIFY)
    answer = api.get("/api/v1/triggers/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    found = read(answer.content)
    assert found["triggerfish_agents", (("status", "live"),)] == 1
    assert not any("part" in name for name, _ in found)
    theirs = read(foreign_api.get("/api/v1/triggers/metrics").content)
    assert ("triggerfish_agents", (("status", "live"),)) not in theirs


def test_the_tables_are_asked_once_in_a_while(acme: Workspace) -> None:
    metrics.of_installation()
    with CaptureQueriesContext(connection) as seen:
        for _ in range(5):
            metrics.of_installation()
    assert len(seen) <= 2


def test_without_a_setting_there_is_nothing(settings: Settings) -> None:
    settings.METRICS_TOKEN, settings.METRICS_ALLOW = "", []
    assert Client().get("/metrics").status_code == 404
    assert Client(headers={"Authorization": "Bearer "}).get("/metrics").status_code == 404


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer right", 200),
        ("bearer right", 200),
        ("Bearer wrong", 401),
        ("Basic right", 401),
        ("Bearer", 401),
        ("Bearer r\u00efght", 401),
        ("", 401),
    ],
)
def test_the_token(settings: Settings, header: str, status: int) -> None:
    settings.METRICS_TOKEN, settings.METRICS_ALLOW = "right", []
    headers = {"Authorization": header} if header else {}
    answer = Client().get("/metrics", headers=headers)
    assert answer.status_code == status
    assert Client().post("/metrics").status_code == 405


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "status"),
    [
        ("10.1.2.3", "", 0, 200),
        ("::1", "", 0, 200),
        ("192.0.2.1", "", 0, 401),
        ("192.0.2.1", "10.1.2.3", 0, 401),
        ("192.0.2.1", "10.1.2.3", 1, 200),
        ("10.1.2.3", "192.0.2.1", 1, 401),
    ],
)
def test_the_addresses(
    settings: Settings, peer: str, forwarded: str, proxies: int, status: int
) -> None:
    settings.METRICS_TOKEN, settings.METRICS_ALLOW = "", ["10.0.0.0/8", "::1"]
    settings.NUM_PROXIES = proxies
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert Client(REMOTE_ADDR=peer).get("/metrics", headers=headers).status_code == status


def test_while_redis_is_away_the_tables_and_parts_still_speak(settings: Settings) -> None:
    direct = settings.REDIS_URL
    with link.to(direct) as (wire, url):
        settings.REDIS_URL = url
        wire.cut()
        health.forget()
        found = read(metrics.of_installation())
        settings.REDIS_URL = direct
    assert found["triggerfish_part_up", (("part", "scheduler"),)] == 0
    assert found["triggerfish_events_waiting", ()] == 0
    assert ("triggerfish_runs_lost_total", ()) not in found


def test_each_metric_is_in_the_documents() -> None:
    said = Path(REPOSITORY, "docs/monitoring.md").read_text()
    names = [metric.name for metric in counters.metrics if metric.name.startswith("triggerfish")]
    names += [f"triggerfish_{name}" for name in metrics._GAUGES]
    assert [name for name in names if f"`{name}`" not in said] == []
