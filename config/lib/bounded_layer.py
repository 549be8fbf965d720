"""The channel layer of live news: Redis' pub/sub, with a bound on what waits for a socket whose reader is slow.

The layer of channels_redis keeps whatever comes until it is read. Here a socket has a queue of `capacity` messages; the
oldest give way, the page sees the gap in their numbers and reads the database again.
"""

from __future__ import annotations

import asyncio
from typing import Any

from channels_redis.core import BoundedQueue
from channels_redis.pubsub import RedisPubSubChannelLayer, RedisPubSubLoopLayer
from channels_redis.utils import _wrap_close


class BoundedPubSubLayer(RedisPubSubChannelLayer):  # type: ignore[misc]  # has no types
    def _get_layer(self) -> _OfOneLoop:
        """As the one that it stands in for, with queues of our kind."""
        loop = asyncio.get_running_loop()
        layer: _OfOneLoop | None = self._layers.get(loop)
        if layer is None:
            layer = _OfOneLoop(*self._args, **self._kwargs, channel_layer=self)
            self._layers[loop] = layer
            _wrap_close(self, loop)
        return layer


class _OfOneLoop(RedisPubSubLoopLayer):  # type: ignore[misc]  # has no types
    def __init__(self, *args: Any, capacity: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._capacity = capacity

    async def _subscribe_to_channel(self, channel: str) -> None:
        self.channels[channel] = BoundedQueue(self._capacity)
        await self._get_shard(channel).subscribe(channel)

    async def forget(self, channel: str) -> None:
        """For who leaves while no `receive` is under way, whose end would do it."""
        if self.channels.pop(channel, None) is not None:
            await self._get_shard(channel).unsubscribe(channel)
