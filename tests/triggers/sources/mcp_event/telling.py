"""What a test makes an MCP server tell, and waits for as events."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.agents.mcps import WebServer
from tests.listeners import wait_until
from triggers.models import Event, Trigger, Watch

MakeTrigger = Callable[..., Trigger]
MakeWeb = Callable[..., WebServer]
STOCK = {"uri": "test://stock"}


def put(state: Path, name: str, text: str) -> None:
    """In one go: the server may look at any moment."""
    fresh = state / f"{name}.new"
    fresh.write_text(text)
    fresh.rename(state / name)


def say(state: Path, **line: Any) -> None:
    with (state / "say").open("a") as file:
        file.write(json.dumps(line) + "\n")


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
