"""Who takes stored items off a Redis list: a consumer that others overtook takes nothing of theirs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.peers import Valkey
from triggers.sources.message_queue import address
from triggers.sources.message_queue.redis import RedisList
from triggers.watching import SourceFailed

pytestmark = pytest.mark.usefixtures("loopback_is_open")


async def opened(valkey: Valkey, state: dict[str, Any]) -> RedisList:
    at = address.parse(valkey.url, schemes=["redis"], port=6379)
    queue = RedisList({"queue_name": "orders"}, at, name="trigger", state=state)
    await queue.open()
    return queue


async def test_one_that_wakes_takes_nothing_of_the_next_one(valkey: Valkey) -> None:
    """Between storing and taking off, the next one takes its items off, and goes on."""
    valkey.client.rpush("orders", "1", "2", "3", "4")
    stale = await opened(valkey, {})
    state = stale.state_after(first := await stale.take(2, wait=1))
    fresh = await opened(valkey, state)
    second = await fresh.take(2, wait=1)
    assert [one.body for one in second] == [b"3", b"4"]
    fresh.state_after(second)
    await fresh.acknowledge(second)
    valkey.client.rpush("orders", "5", "6")
    assert [one.body for one in await fresh.take(2, wait=1)] == [b"5", b"6"]
    with pytest.raises(SourceFailed):
        await stale.acknowledge(first)
    assert valkey.client.lrange("orders:trigger", 0, -1) == [b"5", b"6"]
    await stale.close()
    await fresh.close()


async def test_one_that_wakes_while_it_begins_takes_nothing_either(valkey: Valkey) -> None:
    valkey.client.rpush("orders", "1", "2", "3")
    first = await opened(valkey, {})
    state = first.state_after(await first.take(1, wait=1))  # then it dies
    second = await opened(valkey, state)
    stored = await second.take(1, wait=1)
    second.state_after(stored)
    await second.acknowledge(stored)
    await second.take(1, wait=1)
    late = await opened(valkey, state)
    assert valkey.client.lrange("orders:trigger", 0, -1) == [b"3"]
    for queue in (first, second, late):
        await queue.close()


async def test_what_a_sleeper_moved_is_not_dropped(valkey: Valkey) -> None:
    """It moves an item between two of the next one's; each is read once, in the list's order."""
    valkey.client.rpush("orders", "1", "2", "3")
    stale = await opened(valkey, {})
    fresh = await opened(valkey, {})
    await stale.take(1, wait=1)
    seen = []
    while found := await fresh.take(1, wait=0.1):
        seen += [one.body for one in found]
        fresh.state_after(found)
        await fresh.acknowledge(found)
    assert seen == [b"1", b"2", b"3"]
    assert valkey.client.llen("orders:trigger") == 0
    await stale.close()
    await fresh.close()


async def test_a_batch_is_taken_off_once(valkey: Valkey) -> None:
    """An answer that was lost makes it ask again."""
    valkey.client.rpush("orders", "1", "2", "3")
    queue = await opened(valkey, {})
    state = queue.state_after(stored := await queue.take(1, wait=1))
    await queue.take(2, wait=1)
    await queue.acknowledge(stored)
    again = await opened(valkey, state)
    assert valkey.client.lrange("orders:trigger", 0, -1) == [b"2", b"3"]
    await queue.close()
    await again.close()
