"""MCP servers over REST: written by admins, secrets never answered and sent to no other place, tried by a button."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from agents.models import McpServer
from crm.models import Role, Workspace
from executions.models import AuditEntry
from tests.agents.mcps import PROGRAM, MakeServer, WebServer
from tests.conftest import MakeClient, MakeMember

pytestmark = pytest.mark.django_db

URL = "/api/v1/mcp-servers"
KEY = "tok-canary-0123456789"
WEB = {"name": "search", "url": "https://tools.example/mcp"}


def made(api: APIClient, **fields: Any) -> dict[str, Any]:
    answer = api.post(URL, {**WEB, **fields})
    assert answer.status_code == 201, answer.json()
    return dict(answer.json())


def test_secrets_are_written_and_never_answered(api: APIClient) -> None:
    row = made(api, headers={"Authorization": f"Bearer {KEY}", "X-Team": KEY})
    assert row["headers"] == {"Authorization": "[redacted]", "X-Team": "[redacted]"}
    assert KEY not in api.get(URL).content.decode() + api.get(f"{URL}/{row['id']}").content.decode()
    assert McpServer.objects.get().headers["X-Team"] == KEY
    with connection.cursor() as cursor:
        cursor.execute("SELECT headers FROM agents_mcpserver")
        assert KEY not in cursor.fetchone()[0]
    assert KEY not in str(list(AuditEntry.objects.values_list("before", "after")))


def test_a_mask_that_is_sent_back_keeps_its_value(api: APIClient) -> None:
    one = f"{URL}/{made(api, headers={'Authorization': KEY})['id']}"
    kept = api.put(one, {"headers": {"Authorization": "[redacted]", "X-More": "y"}})
    assert kept.status_code == 200, kept.json()
    assert McpServer.objects.get().headers == {"Authorization": KEY, "X-More": "y"}
    stray = api.patch(one, {"headers": {"X-New": "[redacted]"}})
    assert list(stray.json()["details"]) == ["headers"]
    assert api.patch(one, {"headers": {}}).status_code == 200
    assert McpServer.objects.get().headers == {}


def test_secrets_go_to_no_other_place(api: APIClient, settings: Any) -> None:
    settings.MCP_COMMANDS = ["weather", "rain"]
    one = f"{URL}/{made(api, headers={'Authorization': KEY})['id']}"
    moved = api.patch(one, {"url": "https://evil.example/mcp"})
    assert list(moved.json()["details"]) == ["headers"]
    assert api.patch(one, {"url": "https://tools.example/other"}).status_code == 200
    given = {"url": "https://other.example/mcp", "headers": {"Authorization": "k-2"}}
    assert api.patch(one, given).status_code == 200
    body = {"name": "w", "transport": "stdio", "command": "weather", "env": {"API_KEY": KEY}}
    two = f"{URL}/{made(api, **{'url': '', **body})['id']}"
    assert list(api.patch(two, {"command": "rain"}).json()["details"]) == ["env"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "Our Search"}, "name"),
        ({"name": "a_b"}, "name"),
        ({"url": ""}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"url": "http://169.254.169.254/mcp"}, "url"),
        ({"url": "https://u:p@tools.example/mcp"}, "url"),
        ({"headers": {"Bad Name": "x"}}, "headers"),
        ({"headers": {"X": "a\r\nb"}}, "headers"),
        ({"headers": {"Mcp-Session-Id": "x"}}, "headers"),
        ({"headers": {"Host": "evil"}}, "headers"),
        ({"headers": {"X": 1}}, "headers"),
        ({"headers": ["X"]}, "headers"),
        ({"transport": "sse"}, "transport"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"timeout_seconds": 601}, "timeout_seconds"),
        ({"command": "weather"}, "command"),
        ({"transport": "stdio", "url": "", "command": "bash"}, "command"),
        ({"transport": "stdio", "url": "", "command": ""}, "command"),
        ({"transport": "stdio", "url": "", "command": "weather", "args": [1, {}]}, "args"),
        (
            {"transport": "stdio", "url": "", "command": "weather", "env": {"LD_PRELOAD": "x"}},
            "env",
        ),
        ({"transport": "stdio", "command": "weather"}, "url"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_told_by_field(
    api: APIClient, settings: Any, body: dict[str, Any], field: str
) -> None:
    settings.MCP_COMMANDS = ["weather"]
    answer = api.post(URL, {**WEB, **body})
    assert answer.status_code == 400
    assert list(answer.json()["details"]) == [field]


def test_commands_are_off_by_default(api: APIClient) -> None:
    body = {"name": "w", "transport": "stdio", "command": "npx"}
    assert "MCP_COMMANDS" in str(api.post(URL, body).json()["details"]["command"])


def test_a_name_is_taken_once(api: APIClient, foreign_api: APIClient) -> None:
    made(api)
    assert api.post(URL, WEB).status_code == 409
    made(foreign_api)


def test_only_admins_change_them(api: APIClient, member: MakeMember, client_of: MakeClient) -> None:
    editor = client_of(member("ed", role=Role.EDITOR))
    row = made(api)
    assert editor.post(URL, WEB).status_code == 403
    assert editor.post(f"{URL}/{row['id']}/test").status_code == 403
    assert editor.get(URL).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_the_connection_is_tried(
    api: APIClient, make_server: MakeServer, web_server: Callable[..., WebServer]
) -> None:
    row = make_server(url=web_server().url())
    answer = api.post(f"{URL}/{row.pk}/test").json()
    assert answer["ok"] is True, answer
    assert "Test server 1.2 (MCP 2026-07-28) answered and offers 11 tools." in answer["message"]
    assert answer["tools"][0]["schema"]["properties"]["text"]["type"] == "string"
    shown = api.get(f"{URL}/{row.pk}").json()
    assert (shown["last_error"], len(shown["tools"])) == ("", 11)
    assert "schema" not in api.get(URL).json()["results"][0]["tools"][0]
    moved = api.patch(f"{URL}/{row.pk}", {"url": "https://tools.example/mcp"}).json()
    assert (moved["tools"], moved["seen_at"]) == ([], None)


@pytest.mark.django_db(transaction=True)
def test_what_is_wrong_with_a_connection_is_said(api: APIClient, make_server: MakeServer) -> None:
    row = make_server(env={"SECRET_TOKEN": KEY})
    row.args = [*PROGRAM[1:], "nonsense"]
    row.save()
    answer = api.post(f"{URL}/{row.pk}/test")
    assert answer.status_code == 200
    assert answer.json()["ok"] is False
    assert "invalid choice" in answer.json()["message"]
    assert "invalid choice" in api.get(f"{URL}/{row.pk}").json()["last_error"]
    assert AuditEntry.objects.filter(verb="test").count() == 1


def test_the_sdk_is_loaded_only_where_a_server_is_used(acme: Workspace) -> None:
    program = (
        "import django, sys; django.setup(); import config.urls, executions.executor, executions.listener\n"
        "sys.exit('mcp' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
