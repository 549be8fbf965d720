"""Real MCP servers and a real listener: what they tell becomes events, whichever of them dies meanwhile."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.models import McpServer
from executions.models import Alert, Execution
from tests.agents.mcps import MakeServer, WebServer
from tests.listeners import listening, process, wait_until
from tests.stories import MakeAgent
from triggers import blueprint
from triggers.models import Event, Trigger, TriggerStatus, Watch

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

MakeTrigger = Callable[..., Trigger]
MakeWeb = Callable[..., WebServer]
STOCK = {"uri": "test://stock"}
every = pytest.mark.parametrize("kind", ["stdio", "stdio --old", "http", "http --old"])
both = pytest.mark.parametrize("kind", ["http", "http --old"])
EVERY_SECONDS = 1.0


@pytest.fixture(autouse=True)
def rarely(settings: Any) -> None:
    """What is found is found by hints, or after a new connection."""
    settings.MCP_RECHECK_SECONDS = 600.0


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


def put(state: Path, name: str, text: str) -> None:
    """In one go: the server may look at any moment."""
    fresh = state / f"{name}.new"
    fresh.write_text(text)
    fresh.rename(state / name)


def say(state: Path, **line: Any) -> None:
    with (state / "say").open("a") as file:
        file.write(json.dumps(line) + "\n")


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


def wait_for(trigger: Trigger) -> None:
    """Until it listens; a failure is worth more than a wait."""
    wait_until(
        lambda: Watch.objects.filter(pk=trigger.pk).exclude(works_since=None).exists(), seconds=30
    )


def told(trigger: Trigger) -> list[dict[str, Any]]:
    rows = Event.objects.filter(topic=trigger.topic).order_by("pk")
    return [dict(payload) for payload in rows.values_list("payload", flat=True)]


def wait_told(trigger: Trigger, count: int) -> list[dict[str, Any]]:
    wait_until(lambda: len(told(trigger)) >= count, seconds=40)
    found = told(trigger)
    assert len(found) == count, found
    return found


def pause(seconds: float = 0.7) -> None:
    threading.Event().wait(seconds)


@every
def test_a_resource_that_changes_is_an_event(
    kind: str, server: McpServer, make_mcp: MakeTrigger, state: Path
) -> None:
    one, every_one = make_mcp("resource_updated", filter=STOCK), make_mcp("resource_updated")
    assert one.topic == f"mcp:tests:resource_updated:{one.pk}"
    with listening():
        wait_for(one)
        wait_for(every_one)
        put(state, "stock", '{"left": 3}')
        (event,) = wait_told(one, 1)
        put(state, "price", "12")
        wait_told(every_one, 2)
        say(state, updated="stock")  # and it was not
        put(state, "stock", "10")  # as it was at first
        wait_told(one, 2)
        put(state, "stock", '{"left": 3}')
        wait_told(one, 3)
        pause()
    assert (event["server"], event["uri"], event["exists"]) == ("tests", "test://stock", True)
    assert (event["data"], event["mime_type"]) == ({"left": 3}, "application/json")
    assert len(told(one)) == 3
    assert [one["uri"] for one in told(every_one)].count("test://price") == 1
    row = Event.objects.filter(topic=one.topic).first()
    assert row is not None
    assert (row.type, row.source, row.subject) == (
        "mcp.resource_updated",
        "mcp_event",
        "resource:test://stock",
    )


@every
def test_tools_that_go_are_an_event(
    kind: str, server: McpServer, make_mcp: MakeTrigger, state: Path
) -> None:
    trigger = make_mcp("tool_list_changed")
    with listening():
        wait_for(trigger)
        say(state, remove="write")
        (event,) = wait_told(trigger, 1)
    assert (event["added"], event["removed"], event["changed"]) == ([], ["write"], [])
    assert "search" in event["names"]


@every
def test_messages_and_a_server_s_own_notifications_are_events(
    kind: str, server: McpServer, make_mcp: MakeTrigger, state: Path
) -> None:
    log, own = make_mcp("log"), make_mcp("row_inserted", filter={"params": {"table": "orders"}})
    with listening():
        wait_for(log)
        wait_for(own)
        say(state, log="the stock is empty")
        say(state, own={"table": "orders", "id": 17})
        say(state, log={"left": 0})
        assert wait_told(log, 2) == [
            {"server": "tests", "level": "error", "logger": "shop", "data": "the stock is empty"},
            {"server": "tests", "level": "error", "logger": "shop", "data": {"left": 0}},
        ]
        (event,) = wait_told(own, 1)
    assert event == {
        "server": "tests",
        "name": "row_inserted",
        "params": {"table": "orders", "id": 17},
    }


def test_a_filter_says_which_events_run_the_agent(
    make_server: MakeServer,
    make_mcp: MakeTrigger,
    state: Path,
    run_everything_due: Callable[[], None],
) -> None:
    make_server(env={"STATE": str(state)})
    trigger = make_mcp("row_inserted", filter={"params": {"table": "orders"}})
    blueprint.store(trigger, {"input_mapping": {"order": "$.params.id"}})
    with listening():
        wait_for(trigger)
        say(state, own={"table": "orders", "id": 17})
        say(state, own={"table": "invoices", "id": 18})
        wait_told(trigger, 2)
    run_everything_due()
    ran, skipped = Execution.objects.order_by("event__payload__params__id")
    assert (ran.status, ran.inputs["order"]) == ("completed", 17)
    assert (skipped.status, skipped.reason) == ("skipped", "condition_false")


# --- faults ---------------------------------------------------------------------------------------


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


def test_a_hint_that_is_lost_costs_time_and_no_event(
    make_server: MakeServer, make_mcp: MakeTrigger, state: Path, settings: Any
) -> None:
    settings.MCP_RECHECK_SECONDS = 1.0
    server = make_server(env={"STATE": str(state), "MUTE": "1"})
    trigger = make_mcp("resource_updated", filter=STOCK)
    with listening():
        wait_for(trigger)
        put(state, "stock", "4")
        assert wait_told(trigger, 1)[0]["text"] == "4"
        put(state, "stock", "5")
        wait_told(trigger, 2)
    assert server.name == "tests"


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
