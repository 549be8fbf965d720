"""MCP servers with a state that a test changes, and triggers that hear of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.models import McpServer
from tests.agents.mcps import MakeServer, WebServer
from tests.stories import MakeAgent
from tests.triggers.sources.mcp_event.telling import MakeTrigger, MakeWeb
from triggers import blueprint
from triggers.models import Trigger


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
def web(kind: str, web_server: MakeWeb, state: Path) -> WebServer:
    return web_server(*kind.split()[1:], STATE=str(state))


@pytest.fixture
def server(
    kind: str, make_server: MakeServer, state: Path, request: pytest.FixtureRequest
) -> McpServer:
    transport, *args = kind.split()
    if transport == "stdio":
        return make_server(*args, env={"STATE": str(state)})
    return make_server(url=request.getfixturevalue("web").url())


@pytest.fixture
def make_mcp(make_agent: MakeAgent) -> MakeTrigger:
    """`make_mcp("log", filter={...})`: an active trigger on the server `tests`."""
    agents: list[Any] = []

    def make(event: str, **config: Any) -> Trigger:
        if not agents:
            limits = {"max_executions_per_minute": None, "max_executions_per_day": None}
            agents.append(make_agent("Reader", restrictions=limits))
        trigger = Trigger(workspace=agents[0].workspace)
        given = {
            "name": f"MCP {Trigger.objects.count()}",
            "agent_id": str(agents[0].pk),
            "trigger_type": "mcp_event",
            "config": {"server_name": "tests", "event_type": event, **config},
        }
        blueprint.store(trigger, given)
        return trigger

    return make
