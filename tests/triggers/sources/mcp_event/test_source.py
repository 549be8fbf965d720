"""A trigger on an MCP server over REST: what is refused, what is said, what a test runs with."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from rest_framework.test import APIClient

from agents.models import Agent, McpServer
from crm.models import Workspace
from tests.stories import MakeAgent
from triggers import event_types, sources
from triggers.models import Trigger
from triggers.sources.mcp_event import telling

pytestmark = pytest.mark.django_db

OWN = {"params": {"table": "orders"}}


@pytest.fixture
def agent(make_agent: MakeAgent, acme: Workspace) -> Agent:
    McpServer.objects.create(workspace=acme, name="shop", url="https://shop.example/mcp")
    return make_agent("Reader")


def create(api: APIClient, agent: Agent, **config: Any) -> Any:
    given = {
        "name": f"Shop {Trigger.objects.count()}",
        "agent_id": str(agent.pk),
        "trigger_type": "mcp_event",
        "config": {"server_name": "shop", **config},
    }
    return api.post("/api/v1/triggers", given)


def test_a_trigger_on_a_server(api: APIClient, agent: Agent) -> None:
    answer = create(api, agent, event_type="resource_updated", filter={"uri": "shop://stock"})
    assert answer.status_code == 201, answer.json()
    trigger = Trigger.objects.get(pk=answer.json()["id"])
    assert trigger.topic == f"mcp:shop:resource_updated:{trigger.pk}"
    assert sources.describe(trigger) == "mcp: shop resource_updated"
    assert answer.json().get("warnings", []) == []


def test_what_cannot_be_found_again_is_said(api: APIClient, agent: Agent) -> None:
    assert "lost" in str(create(api, agent, event_type="log").json()["warnings"])
    said = str(create(api, agent, event_type="resource_update").json()["warnings"])
    assert "Did you mean 'resource_updated'?" in said


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"server_name": "shpo"}, "config.server_name"),
        ({"server_name": ""}, "config.server_name"),
        ({"server_name": ["shop"]}, "config.server_name"),
        ({"event_type": "rows inserted"}, "config.event_type"),
        ({"event_type": "../x"}, "config.event_type"),
        ({"event_type": "x" * 101}, "config.event_type"),
        ({"filter": []}, "config.filter"),
        ({"filter": {"a..b": 1}}, "config.filter.a..b"),
        ({"colour": "red"}, "config.colour"),
    ],
)
def test_what_is_wrong_is_told_by_field(
    api: APIClient, agent: Agent, config: dict[str, Any], field: str
) -> None:
    answer = create(api, agent, **{"event_type": "log", **config})
    assert answer.status_code == 400
    assert list(answer.json()["details"]) == [field]


def test_a_server_of_another_workspace_does_not_exist(
    api: APIClient, agent: Agent, other: Workspace
) -> None:
    McpServer.objects.update(workspace=other)
    answer = create(api, agent, event_type="log")
    assert list(answer.json()["details"]) == ["config.server_name"]


@pytest.mark.parametrize("event", [*telling.KNOWN, "row_inserted"])
def test_samples_fit(event: str) -> None:
    kind = event_types.find(telling.type_of(event))
    assert kind is not None
    kind.check(telling.sample(event, "shop"))


def test_a_test_runs_with_what_the_filter_names(api: APIClient, agent: Agent) -> None:
    made = create(api, agent, event_type="resource_updated", filter={"uri": "shop://price"}).json()
    answer = api.post(f"/api/v1/triggers/{made['id']}/dry-run", {})
    assert answer.json()["would_run"] is True, answer.json()


def test_nobody_outside_makes_such_events_up(api: APIClient, agent: Agent) -> None:
    for name in ("mcp.resource_updated", "mcp.log", "mcp.notification"):
        answer = api.post("/api/v1/triggers/emit", {"endpoint": name, "data": {}})
        assert answer.status_code == 403, name


def test_the_sdk_is_loaded_only_by_a_listener_that_needs_it() -> None:
    program = (
        "import django, sys; django.setup(); import triggers.sources.mcp_event.watcher\n"
        "sys.exit('mcp' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
