"""What was taken for known anew: the same change as once before is another event."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.agents.mcps import MakeServer
from tests.listeners import listening, wait_until
from tests.stories import MakeAgent
from triggers import blueprint
from triggers.models import Event, Trigger, Watch

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


def put(folder: Path, name: str, text: str) -> None:
    """In one go: the server may look at any moment."""
    fresh = folder / f"{name}.new"
    fresh.write_text(text)
    fresh.rename(folder / name)


def point(trigger: Trigger, name: str) -> None:
    """At a resource, until that one is known."""
    before = Watch.objects.filter(pk=trigger.pk).values_list("state", flat=True).first()
    config: dict[str, Any] = {"server_name": "tests", "event_type": "resource_updated"}
    uri = f"test://{name}"
    blueprint.store(
        Trigger.objects.get(pk=trigger.pk), {"config": {**config, "filter": {"uri": uri}}}
    )
    wait_until(lambda: Watch.objects.get().state != before)
    assert list(Watch.objects.get().state["seen"]) == [uri]


def test_a_change_is_told_again_after_another_resource_was_watched(
    make_server: MakeServer, make_agent: MakeAgent, tmp_path: Path
) -> None:
    make_server(env={"STATE": str(tmp_path)})
    put(tmp_path, "stock", "10")
    trigger = Trigger(workspace=(agent := make_agent("Reader")).workspace)
    fields = {"name": "MCP", "agent_id": str(agent.pk), "trigger_type": "mcp_event"}
    config = {"server_name": "tests", "event_type": "resource_updated"}
    blueprint.store(trigger, {**fields, "config": {**config, "filter": {"uri": "test://stock"}}})
    with listening():
        wait_until(lambda: Watch.objects.exclude(works_since=None).exists())
        put(tmp_path, "stock", "9")
        wait_until(lambda: Event.objects.count() == 1)
        point(trigger, "price")
        put(tmp_path, "stock", "10")
        point(trigger, "stock")
        put(tmp_path, "stock", "9")
        wait_until(lambda: Event.objects.count() == 2, seconds=30)
    assert [event.payload["data"] for event in Event.objects.order_by("pk")] == [9, 9]
