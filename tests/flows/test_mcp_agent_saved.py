"""An agent with tools of an MCP server is saved: the server is asked what it has, where it can be reached."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from rest_framework.test import APIClient

from agents.models import McpServer
from tests.agents.mcps import MakeServer

pytestmark = pytest.mark.django_db(transaction=True)

SEARCH = {"mcp": "tests", "tool": "search", "needs_approval": False}


def save(api: APIClient, *tools: Any) -> tuple[int, dict[str, Any]]:
    answer = api.post("/api/v1/agents", {"name": "A", "model": "offline:rules", "tools": tools})
    return answer.status_code, answer.json()


def test_a_reachable_server_is_asked_when_an_agent_is_saved(
    api: APIClient, make_server: MakeServer
) -> None:
    server = make_server()
    for entry, path, said in [
        ({"mcp": "tets", "tool": "search"}, "tools[0].mcp", "Did you mean 'tests'?"),
        ({"mcp": "tests", "tool": "serch"}, "tools[0].tool", "Did you mean 'search'?"),
        ({"mcp": "tests", "tool": "*"}, "tools[0].tool", "each is allowed by itself"),
        ({"mcp": "tests"}, "tools[0].tool", "Name one tool"),
        ({"tool": "search"}, "tools[0].mcp", "Say which MCP server"),
        ({**SEARCH, "params": {"index": 5}}, "tools[0].params", "index"),
        ({**SEARCH, "params": {"indx": "x"}, "free": ["texts"]}, "tools[0].free[0]", "texts"),
        ({**SEARCH, "free": ["index"]}, "tools[0].params.text", "Say the text here"),
        ({**SEARCH, "params": {"text": "@contact.emial"}}, "tools[0].params.text", "email"),
        ({**SEARCH, "needs_approval": "no"}, "tools[0].needs_approval", "true or false"),
        ({**SEARCH, "colour": "red"}, "tools[0].colour", "Unknown field"),
    ]:
        status, body = save(api, entry)
        assert status == 400, entry
        assert said in str(body["details"][path]), (entry, body["details"])
    assert "already" in str(save(api, SEARCH, SEARCH)[1]["details"]["tools[1].tool"])
    status, body = save(api, SEARCH, "create_note")
    assert (status, body["tools"], body["tool_problem"]) == (201, [SEARCH, "create_note"], "")
    assert McpServer.objects.get(pk=server.pk).seen_at is not None


def test_a_server_that_is_away_is_a_warning(
    api: APIClient, make_server: MakeServer, settings: Any
) -> None:
    make_server()
    settings.MCP_COMMANDS = [f"{sys.executable} /nowhere"]
    status, body = save(api, SEARCH)
    assert status == 201
    assert "could not be asked" in body["tool_problem"]
    assert "MCP_COMMANDS" in body["tool_problem"]
    McpServer.objects.all().delete()
    shown = api.get(f"/api/v1/agents/{body['id']}").json()
    assert "not there any more" in shown["tool_problem"]


def test_a_server_of_another_workspace_does_not_exist(
    foreign_api: APIClient, make_server: MakeServer
) -> None:
    make_server()
    status, body = save(foreign_api, SEARCH)
    assert status == 400
    assert "has no MCP server 'tests'" in str(body["details"]["tools[0].mcp"])
