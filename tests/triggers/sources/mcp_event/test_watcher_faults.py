"""Real MCP servers and a real listener: no event is lost or doubled, whichever of them dies or changes meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.models import McpServer
from executions.models import Alert
from tests.agents.mcps import MakeServer, WebServer
from tests.listeners import listening, process, wait_until
from tests.triggers.sources.mcp_event.telling import (
    STOCK,
    MakeTrigger,
    MakeWeb,
    pause,
    put,
    told,
    wait_for,
    wait_told,
)
from triggers.models import Trigger, TriggerStatus, Watch

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

both = pytest.mark.parametrize("kind", ["http", "http --old"])


@pytest.fixture(autouse=True)
def rarely(settings: Any) -> None:
    """What is found is found by hints, or after a new connection."""
    settings.MCP_RECHECK_SECONDS = 600.0


@both
def test_what_changed_while_the_server_was_away_is_found(
    kind: str, web: WebServer, server: McpServer, make_mcp: MakeTrigger, state: Path
) -> None:
    trigger, tools = make_mcp("resource_updated", filter=STOCK), make_mcp("tool_list_changed")
    with listening():
        wait_for(trigger)
        wait_for(tools)
        web.kill()
        put(state, "stock", "7")
        wait_until(lambda: Watch.objects.filter(failures__gt=0).count() == 2)
        web.start()
        (event,) = wait_told(trigger, 1)
        assert event["text"] == "7"
        wait_for(trigger)
        put(state, "stock", "8")
        wait_told(trigger, 2)
    assert told(tools) == []


@both
def test_what_changed_while_nobody_listened_is_found(
    kind: str, web: WebServer, server: McpServer, make_mcp: MakeTrigger, state: Path
) -> None:
    trigger = make_mcp("resource_updated", filter=STOCK)
    with process(OUTBOUND_ALLOW=web.host) as listener:
        wait_for(trigger)
        put(state, "stock", "11")
        wait_told(trigger, 1)
        listener.kill()
        put(state, "stock", "12")
    with process(OUTBOUND_ALLOW=web.host, LISTENER_SECONDS="2"):
        assert [event["text"] for event in wait_told(trigger, 2)] == ["11", "12"]
        pause()
    assert len(told(trigger)) == 2


def test_a_command_that_dies_is_started_again(
    make_server: MakeServer, make_mcp: MakeTrigger, state: Path
) -> None:
    import os
    import signal

    make_server(env={"STATE": str(state), "PIDFILE": str(state / "pid")})
    trigger = make_mcp("resource_updated", filter=STOCK)
    with listening():
        wait_for(trigger)
        first = int((state / "pid").read_text())
        os.kill(first, signal.SIGKILL)
        put(state, "stock", "3")
        (event,) = wait_told(trigger, 1)
        last = int((state / "pid").read_text())
        assert (event["text"], last != first) == ("3", True)
    wait_until(lambda: not Path(f"/proc/{last}").exists())


@pytest.mark.parametrize("kind", ["http"])
def test_a_server_that_fails_puts_its_trigger_into_error_and_takes_it_out_again(
    kind: str, web: WebServer, server: McpServer, make_mcp: MakeTrigger, state: Path, settings: Any
) -> None:
    settings.SOURCE_FAILURES = 2
    trigger = make_mcp("resource_updated", filter=STOCK)
    web.kill()
    with listening():
        wait_until(lambda: Trigger.objects.get(pk=trigger.pk).status == TriggerStatus.ERROR)
        trigger.refresh_from_db()
        assert web.host in trigger.last_error
        assert Alert.objects.filter(kind="trigger_error").count() == 1
        web.start()
        wait_until(lambda: Trigger.objects.get(pk=trigger.pk).status == TriggerStatus.ACTIVE)
        put(state, "stock", "6")
        wait_told(trigger, 1)


@pytest.mark.parametrize("kind", ["http"])
def test_a_change_of_the_server_is_picked_up(
    kind: str,
    web: WebServer,
    server: McpServer,
    make_mcp: MakeTrigger,
    state: Path,
    web_server: MakeWeb,
) -> None:
    trigger = make_mcp("resource_updated", filter=STOCK)
    elsewhere = state / "elsewhere"
    elsewhere.mkdir()
    other = web_server(STATE=str(elsewhere), TOKEN="tok-canary")
    with listening():
        wait_for(trigger)
        server.url = other.url()
        server.save()
        wait_until(lambda: "401" in Watch.objects.get().last_error)
        server.headers = {"Authorization": "Bearer tok-canary"}
        server.save()
        wait_until(lambda: Watch.objects.get().last_error == "")
        put(elsewhere, "stock", "99")
        (event,) = wait_told(trigger, 1)
        assert event["text"] == "99"
        server.delete()
        wait_until(lambda: "no MCP server" in Watch.objects.get().last_error)
    assert Trigger.objects.get(pk=trigger.pk).status == TriggerStatus.ERROR


@pytest.mark.parametrize("kind", ["http"])
def test_turned_off_it_does_not_listen(
    kind: str, web: WebServer, server: McpServer, make_mcp: MakeTrigger, settings: Any
) -> None:
    trigger = make_mcp("resource_updated")
    settings.TRIGGERS_OFF = ["mcp_event"]
    with listening():
        pause(1.5)
        assert not Watch.objects.filter(pk=trigger.pk).exclude(works_since=None).exists()
