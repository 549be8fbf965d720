"""A trigger on files over REST: what is refused, what is said, what a test runs with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from agents.models import Agent
from tests.conftest import MakeClient
from tests.folders import MakeWatch
from tests.stories import MakeAgent
from triggers import event_types, sources
from triggers.models import Event, Trigger

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def api(client_of: MakeClient, owner: Any) -> APIClient:
    return client_of(owner)


@pytest.fixture
def agent(make_agent: MakeAgent) -> Agent:
    return make_agent("Reader")


def create(api: APIClient, agent: Agent, **config: Any) -> Any:
    given = {
        "name": "Files",
        "agent_id": str(agent.pk),
        "trigger_type": "file_watch",
        "config": config,
    }
    return api.post("/api/v1/triggers", given, format="json")


def test_a_trigger_on_files(api: APIClient, agent: Agent, root: Path) -> None:
    answer = create(
        api,
        agent,
        path=str(root / "*.csv"),
        events=["created"],
        recursive=True,
        debounce_seconds=5,
        ignore_patterns=["*.tmp"],
    )
    assert answer.status_code == 201, answer.json()
    trigger = Trigger.objects.get(pk=answer.json()["id"])
    assert trigger.topic == f"file:{trigger.pk}"
    assert sources.describe(trigger) == f"files: {root}/*.csv"
    assert answer.json().get("warnings", []) == []


def test_without_roots_the_type_is_refused_with_what_to_do(
    api: APIClient, agent: Agent, settings: Settings
) -> None:
    settings.FILE_WATCH_ROOTS = []
    answer = create(api, agent, path="/srv/files/*.csv")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "invalid_config")
    assert "FILE_WATCH_ROOTS=/srv/files" in str(answer.json()["details"]["config.path"])


def test_what_is_strange_is_said(api: APIClient, agent: Agent, root: Path) -> None:
    said = create(api, agent, path=str(root / "later" / "*.{csv,txt}")).json()["warnings"]
    assert "is not there yet" in said[0]
    assert "Braces" in said[1]


def test_a_test_runs_with_a_file_that_is_meant(
    api: APIClient, make_watch: MakeWatch, root: Path
) -> None:
    trigger = make_watch(root / "**" / "[ab]*.csv", events=["moved", "created"])
    address = f"/api/v1/triggers/{trigger.pk}/test"
    assert api.post(address, {}, format="json").status_code < 300
    event = Event.objects.get()
    assert event.type == "file_moved"
    assert event.payload["path"] == str(root / "aexample.csv")
    assert event.payload["from_path"]
    given = {"event": {"path": "/srv/x/y.csv", "size": 7}}
    assert api.post(address, given, format="json").status_code < 300
    payload = Event.objects.order_by("pk")[1].payload
    assert (payload["path"], payload["name"], payload["size"]) == ("/srv/x/y.csv", "y.csv", 7)


def test_conditions_know_the_fields(api: APIClient, agent: Agent, root: Path) -> None:
    given = {
        "name": "Large files",
        "agent_id": str(agent.pk),
        "trigger_type": "file_watch",
        "config": {"path": str(root)},
        "conditions": [
            {"field": "size", "operator": "greater_than", "value": 1000},
            {"field": "sise", "operator": "exists"},
        ],
    }
    answer = api.post("/api/v1/triggers", given, format="json")
    assert answer.status_code == 201, answer.json()
    (warning,) = answer.json()["warnings"]
    assert "sise" in warning
    assert "'size'" in warning


@pytest.mark.parametrize(
    "path", ["/srv/*.csv", "/srv/a?/**", "/srv/[!x]y.txt", "/srv/", "/srv/**/b"]
)
def test_samples_fit_their_type(path: str) -> None:
    source = sources.find("file_watch")
    for event in ("created", "modified", "deleted", "moved"):
        config = {"path": path, "events": [event]}
        found = event_types.registry.get(source.sample_type(config))
        found.check(source.sample(config))
        assert source.sample(config)["event"] == event


def test_its_events_are_of_triggers_on_files_alone(api: APIClient, agent: Agent) -> None:
    given = {
        "name": "A",
        "agent_id": str(agent.pk),
        "trigger_type": "event",
        "config": {"event_type": "file_created"},
    }
    answer = api.post("/api/v1/triggers", given, format="json")
    assert answer.status_code == 400
    assert "file_watch" in str(answer.json()["details"])
