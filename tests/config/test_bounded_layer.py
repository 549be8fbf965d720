"""What waits for a slow reader is bounded, and the newest of it stays."""

from __future__ import annotations

import asyncio

from django.conf import settings

from config.lib.bounded_layer import BoundedPubSubLayer

CAPACITY = 3


async def test_the_oldest_messages_give_way() -> None:
    layer = BoundedPubSubLayer(hosts=[settings.REDIS_URL], prefix="bounded", capacity=CAPACITY)
    slow, quick = await layer.new_channel(), await layer.new_channel()
    for channel in (slow, quick):
        await layer.group_add("all", channel)
    for number in range(10):
        await layer.group_send("all", {"type": "news", "number": number})
        assert (await layer.receive(quick))["number"] == number
    async with asyncio.timeout(5):
        kept = [(await layer.receive(slow))["number"] for _ in range(CAPACITY)]
    assert kept == [7, 8, 9]
    await layer.flush()
