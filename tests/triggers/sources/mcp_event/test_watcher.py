"""Real MCP servers and a real listener: what they tell becomes events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.models import McpServer
from executions.models import Execution
from tests.agents.mcps import MakeServer
from tests.listeners import listening
from tests.triggers.sources.mcp_event.telling import (
    STOCK,
    MakeTrigger,
    pause,
    put,
    say,
    told,
    wait_for,
    wait_told,
)
from triggers import blueprint
from triggers.models import Event

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

every = pytest.mark.parametrize("kind", ["stdio", "stdio --old", "http", "http --old"])


@pytest.fixture(autouse=True)
def rarely(settings: Any) -> None:
    """What is found is found by hints, or after a new connection."""
    settings.MCP_RECHECK_SECONDS = 600.0


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
