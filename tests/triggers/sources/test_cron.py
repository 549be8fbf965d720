"""Schedules as people configure them: what is refused, over REST too, and what is answered."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from agents.models import Agent
from crm.models import Workspace
from triggers import conditions, facts, schedules, sources
from triggers.models import Trigger

SOURCE = sources.find("cron")
NOWHERE = Workspace(name="Nowhere", slug="nowhere")
URL = "/api/v1/triggers"


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"cron_expression": "0 9 * * *"}, None),
        ({"cron_expression": "0 9 * * *", "timezone": "Europe/Berlin", "catch_up": "all"}, None),
        ({"cron_expression": "0 9 * * *", "starts_at": "2026-12-01", "ends_at": "2026-12-31"}, None),
        ({"cron_expression": "*/10 * * * *", "jitter_seconds": 599}, None),
        ({}, "cron_expression"),
        ({"cron_expression": ""}, "cron_expression"),
        ({"cron_expression": 5}, "cron_expression"),
        ({"cron_expression": "0 0 30 2 *"}, "cron_expression"),
        ({"cron_expression": "* * * * * *"}, "cron_expression"),
        ({"cron_expression": "0 9 * * *", "timezone": "Mars/Olympus"}, "timezone"),
        ({"cron_expression": "0 9 * * *", "timezone": None}, "timezone"),
        ({"cron_expression": "0 9 * * *", "catch_up": "some"}, "catch_up"),
        ({"cron_expression": "0 9 * * *", "overlap": "kill"}, "overlap"),
        ({"cron_expression": "*/10 * * * *", "jitter_seconds": 600}, "jitter_seconds"),
        ({"cron_expression": "0 9 * * *", "jitter_seconds": -1}, "jitter_seconds"),
        ({"cron_expression": "0 9 * * *", "starts_at": "soon"}, "starts_at"),
        ({"cron_expression": "0 9 * * *", "ends_at": "2026-02-30"}, "ends_at"),
        ({"cron_expression": "0 9 * * *", "starts_at": "2026-12-02", "ends_at": "2026-12-01"}, "ends_at"),
        ({"cron_expression": "0 9 * * *", "seconds": 5}, "seconds"),
    ],
)  # fmt: skip
def test_what_is_configured(config: dict[str, Any], path: str | None) -> None:
    problems = SOURCE.check(config, workspace=NOWHERE)
    assert list(problems) == ([path] if path else [])


def test_more_often_than_the_least_distance(settings: Settings) -> None:
    settings.CRON_MIN_MINUTES = 15
    assert SOURCE.check({"cron_expression": "*/15 * * * *"}, workspace=NOWHERE) == {}
    (said,) = SOURCE.check({"cron_expression": "*/5 * * * *"}, workspace=NOWHERE)["cron_expression"]
    assert said.startswith("Invalid cron expression '*/5 * * * *': it fires every 5 minutes")


@pytest.mark.django_db  # the workspace's time is asked there
def test_what_has_ended_is_told() -> None:
    config = {"cron_expression": "0 9 * * *", "ends_at": "2020-01-01"}
    assert SOURCE.check(config, workspace=NOWHERE) == {}
    assert SOURCE.warnings(config)


@pytest.mark.parametrize(("hour_utc", "met"), [(6, False), (7, True), (15, True), (16, False)])
def test_conditions_may_ask_for_the_hour_in_the_zone(hour_utc: int, met: bool) -> None:
    """Between 9 and 17 in Berlin, in summer."""
    slot = dt.datetime(2026, 7, 1, hour_utc, tzinfo=dt.UTC)
    payload = schedules.payload("0 * * * *", "Europe/Berlin", slot=slot, now=slot, missed=0)
    tree = conditions.parse(
        [
            {"field": "schedule.hour", "operator": "gte", "value": 9},
            {"field": "schedule.hour", "operator": "lte", "value": 17},
            {"field": "schedule.weekday", "operator": "in", "value": [1, 2, 3, 4, 5]},
        ]
    )
    assert conditions.judge(tree, facts.facts(payload, source="cron")).met is met


def body(agent: Agent, **more: Any) -> dict[str, Any]:
    return {"name": "Hourly", "agent_id": str(agent.pk), "trigger_type": "cron", **more}


@pytest.fixture
def agent(acme: Workspace) -> Agent:
    return Agent.objects.create(workspace=acme, name="Clockwork", status="live")


def test_over_rest_the_expression_may_stand_beside_the_configuration(
    api: APIClient, agent: Agent
) -> None:
    made = api.post(URL, body(agent, cron_expression="0 9 * * *", timezone="Asia/Tokyo")).json()
    assert made["config"] == {"cron_expression": "0 9 * * *", "timezone": "Asia/Tokyo"}
    assert made["next_run_time"].endswith("T00:00:00.000000Z")
    changed = api.patch(f"{URL}/{made['id']}", {"timezone": "UTC"}).json()
    assert changed["config"] == {"cron_expression": "0 9 * * *", "timezone": "UTC"}
    assert changed["next_run_time"].endswith("T09:00:00.000000Z")
    again = api.put(f"{URL}/{made['id']}", changed)
    assert (again.status_code, again.json()["config"]) == (200, changed["config"])


def test_over_rest_an_end_that_has_passed_is_warned_of(api: APIClient, agent: Agent) -> None:
    config = {"cron_expression": "0 9 * * *", "ends_at": "2020-01-01"}
    made = api.post(URL, body(agent, config=config))
    assert made.status_code == 201, made.content
    assert made.json()["warnings"] == ["Its end has passed: it does not fire any more."]
    assert made.json()["next_run_time"] is None


@pytest.mark.parametrize(
    "fields",
    [
        {"cron_expression": "0 0 30 2 *"},
        {"config": {"cron_expression": "0 0 30 2 *"}},
    ],
)
def test_over_rest_a_bad_expression_is_named(
    api: APIClient, agent: Agent, fields: dict[str, Any]
) -> None:
    answer = api.post(URL, body(agent, **fields))
    assert (answer.status_code, answer.json()["error_code"]) == (400, "invalid_cron")
    (said,) = answer.json()["details"]["config.cron_expression"]
    assert said.startswith("Invalid cron expression '0 0 30 2 *': ")
    assert not Trigger.objects.filter(trigger_type="cron").exists()


def test_the_status_tells_of_the_schedule(api: APIClient, agent: Agent) -> None:
    made = api.post(URL, body(agent, cron_expression="0 * * * *")).json()
    pk = made["id"]
    row = Trigger.objects.get(pk=pk).schedule
    assert row.next_slot_at is not None
    schedules.fire_due(now=row.next_slot_at + dt.timedelta(hours=2, seconds=3))
    state = api.get(f"{URL}/{pk}/status").json()
    assert state["schedule"]["status"] == "running"
    assert state["schedule"]["lateness_ms"] == 3000
    assert (state["schedule"]["missed_before_last"], state["schedule"]["missed_total"]) == (2, 2)
    assert state["next_run_time"] == state["schedule"]["next_fire_at"] is not None
    api.post(f"{URL}/{pk}/pause")
    state = api.get(f"{URL}/{pk}/status").json()
    assert (state["schedule"]["status"], state["next_run_time"]) == ("not_running", None)


def test_a_test_run_and_a_dry_run_have_a_sample(api: APIClient, agent: Agent) -> None:
    pk = api.post(URL, body(agent, cron_expression="0 * * * *")).json()["id"]
    assert api.post(f"{URL}/{pk}/dry-run", {}).json()["would_run"] is True
    assert api.post(f"{URL}/{pk}/test", {}).status_code == 202


def test_an_expression_is_explained(api: APIClient) -> None:
    given = {"cron_expression": "30 2 * * *", "timezone": "Europe/Berlin"}
    answer = api.post(f"{URL}/validate-cron", given)
    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert (said["valid"], said["description"]) == (True, "At 02:30 every day")
    assert len(said["next"]) == 5
    first = said["next"][0]
    assert dt.datetime.fromisoformat(first["local"]) == dt.datetime.fromisoformat(first["utc"])
    assert "T02:30:00+0" in first["local"]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({}, "cron_expression"),
        ({"cron_expression": 5}, "cron_expression"),
        ({"cron_expression": None}, "cron_expression"),
        ({"cron_expression": ["*"]}, "cron_expression"),
        ({"cron_expression": "0 0 30 2 *"}, "cron_expression"),
        ({"cron_expression": "* * * * * *"}, "cron_expression"),
        ({"cron_expression": "* " * 200}, "cron_expression"),
        ({"cron_expression": "* * * * *", "timezone": "Mars"}, "timezone"),
        ({"cron_expression": "* * * * *", "timezone": 7}, "timezone"),
        ({"cron_expression": "* * * * *", "zone": "UTC"}, "zone"),
    ],
)
def test_what_cannot_be_explained(api: APIClient, given: dict[str, Any], path: str) -> None:
    answer = api.post(f"{URL}/validate-cron", given)
    assert answer.status_code == 400, answer.content
    assert list(answer.json()["details"]) == [path]
