"""What is heard and not stored yet is bounded, in number and in bytes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from mcp.client.session import IncomingMessage
from mcp_types import (
    LoggingMessageNotification,
    LoggingMessageNotificationParams,
    ResourceUpdatedNotification,
    ResourceUpdatedNotificationParams,
)

from agents.models import McpServer
from config.lib import json
from triggers.sources.mcp_event import ear, telling
from triggers.sources.mcp_event.ear import Ear
from triggers.watching import SourceFailed


def listener(event: str) -> Ear:
    return Ear(McpServer(name="loud", transport="http", url="https://tools.example/mcp"), event, [])


def said(text: str) -> IncomingMessage:
    params = LoggingMessageNotificationParams(level="error", data=text)
    return LoggingMessageNotification(method="notifications/message", params=params)


def updated(uri: str) -> IncomingMessage:
    params = ResourceUpdatedNotificationParams(uri=uri)
    return ResourceUpdatedNotification(method="notifications/resources/updated", params=params)


@pytest.mark.parametrize("size, count", [(10, ear.MAX_WAITING + 1), (300_000, 80)])
async def test_a_server_that_sends_more_than_is_stored_is_left(size: int, count: int) -> None:
    loud = listener(telling.LOG)
    for _ in range(count):
        await loud._hear(said("x" * size))
    waiting = loud.heard(2 * ear.MAX_WAITING)
    assert 0 < len(waiting) <= ear.MAX_WAITING
    assert sum(len(json.dumps(one)) for one in waiting) <= ear.MAX_WAITING_BYTES
    with pytest.raises(SourceFailed, match="sent more than could be stored"):
        loud.refuse_if_lost()


async def test_what_is_stored_makes_room() -> None:
    loud = listener(telling.LOG)
    for number in range(ear.MAX_WAITING):
        await loud._hear(said(f"{number} {'x' * 20_000}"))
        assert [one["data"].split()[0] for one in loud.heard(5)] == [str(number)]
        loud.forget(1)
    with pytest.raises(SourceFailed, match=r"connection .* was lost"):
        loud.refuse_if_lost()  # it was never opened, and nothing was too much


@pytest.mark.parametrize("name", [str, lambda number: f"{number}{'x' * ear.MAX_URI}"])
async def test_hints_are_bounded(name: Callable[[int], str]) -> None:
    loud = listener(telling.UPDATED)
    for number in range(2 * ear.MAX_HINTS):
        await loud._hear(updated(f"test://{name(number)}"))
    assert loud.stirred.is_set()
    assert len(loud.take_dirty()) <= ear.MAX_HINTS
    assert loud.take_dirty() == set()
