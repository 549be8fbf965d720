"""MCP servers in the admin: secrets are written, shown as masks, and kept where a mask comes back."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from agents.models import McpServer
from crm.models import Workspace
from executions.models import AuditEntry
from tests.executions.admin.pages import drawn_values

pytestmark = pytest.mark.django_db

KEY = "tok-canary-0123456789"


@pytest.fixture
def row(acme: Workspace) -> McpServer:
    return McpServer.objects.create(
        workspace=acme,
        name="shop",
        url="https://shop.example/mcp",
        headers={"Authorization": KEY},
        last_error="It was away.",
    )


def change(client: Client, row: McpServer, **values: Any) -> Any:
    url = reverse("admin:agents_mcpserver_change", args=[row.pk])
    page = client.get(url)
    assert page.status_code == 200
    assert KEY not in page.text
    answer = client.post(url, {**drawn_values(page.text), **values})
    row.refresh_from_db()
    return answer


def test_what_is_not_touched_stays(ann: Client, row: McpServer) -> None:
    assert change(ann, row, timeout_seconds="30").status_code == 302
    assert (row.headers, row.timeout_seconds) == ({"Authorization": KEY}, 30)
    assert row.last_error == "It was away."


def test_a_header_is_added_and_another_kept(ann: Client, row: McpServer) -> None:
    pairs = f'[["Authorization", "[redacted]"], ["X-More", "{KEY}"]]'
    assert change(ann, row, headers=pairs).status_code == 302
    assert row.headers == {"Authorization": KEY, "X-More": KEY}
    assert KEY not in str(list(AuditEntry.objects.values_list("before", "after")))


def test_secrets_do_not_move(ann: Client, row: McpServer) -> None:
    answer = change(ann, row, url="https://evil.example/mcp")
    assert answer.status_code == 200
    assert "they were given for another address" in answer.text
    assert row.url == "https://shop.example/mcp"
    stray = change(ann, row, headers='[["X-New", "[redacted]"]]')
    assert "there is none yet" in stray.text
    moved = change(ann, row, url="https://other.example/mcp", headers="[]")
    assert moved.status_code == 302
    assert (row.headers, row.last_error) == ({}, "")


def test_a_new_server(ann: Client, acme: Workspace, settings: Any) -> None:
    settings.MCP_COMMANDS = ["weather"]
    url = reverse("admin:agents_mcpserver_add")
    given = drawn_values(ann.get(url).text)
    given |= {"name": "w", "transport": "stdio", "command": "weather", "args": "--town\nUlm"}
    answer = ann.post(url, {**given, "env": f'[["API_KEY", "{KEY}"]]'})
    assert answer.status_code == 302, answer.text
    made = McpServer.objects.get(name="w")
    assert (made.args, made.env, made.headers) == (["--town", "Ulm"], {"API_KEY": KEY}, {})
    refused = ann.post(url, {**given, "name": "x", "command": "bash"})
    assert "not one that MCP_COMMANDS lists" in refused.text
