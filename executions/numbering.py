"""The numbers of live notices, one row of them per workspace, kept in Redis: a page that misses one reads the database
again, so a row that Redis forgot and that begins anew is only one more gap.
"""

from __future__ import annotations

import asyncio
import time
import uuid
import weakref
from collections.abc import Mapping
from typing import Any

import redis
from django.conf import settings

ANSWER_SECONDS = 1.0  # Redis takes longer only when it is away
PULSE_SECONDS = 1.0


def take(counts: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, int]:
    """So many numbers of each workspace are ours; the last of them. One round trip; raises redis.RedisError."""
    pipeline = _redis().pipeline(transaction=False)
    for workspace_id, count in counts.items():
        pipeline.incrby(_key(workspace_id), count)
    return dict(zip(counts, pipeline.execute(), strict=True))


async def latest(workspace_id: uuid.UUID) -> int | None:
    """The number of the workspace's newest notice, read once per second in this process; None while Redis is away."""
    loop = asyncio.get_running_loop()
    pulse = _pulses.get(loop)
    if pulse is None:
        pulse = _pulses[loop] = _Pulse()
    return await pulse.seq(workspace_id)


class _Pulse:
    """The newest numbers as one event loop knows them."""

    def __init__(self) -> None:
        self.read_at: dict[uuid.UUID, float] = {}
        self.reading: dict[uuid.UUID, asyncio.Task[int | None]] = {}

    async def seq(self, workspace_id: uuid.UUID) -> int | None:
        now = time.monotonic()
        if now - self.read_at.get(workspace_id, -PULSE_SECONDS) >= PULSE_SECONDS:
            self.read_at[workspace_id] = now
            self.reading[workspace_id] = asyncio.create_task(self._read(workspace_id))
        return await asyncio.shield(self.reading[workspace_id])

    async def _read(self, workspace_id: uuid.UUID) -> int | None:
        try:
            return int(await asyncio.to_thread(_redis().get, _key(workspace_id)) or 0)
        except (redis.RedisError, OSError):
            return None


def _redis() -> redis.Redis:
    """One client per process (redis-py's pool notices a fork by itself)."""
    global _client  # noqa: PLW0603
    if _client is None:
        _client = redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            retry=None,
        )
    return _client


def _key(workspace_id: uuid.UUID) -> str:
    config: Any = settings.CHANNEL_LAYERS["default"]["CONFIG"]
    return f"{config['prefix']}:seq:{workspace_id.hex}"


_client: redis.Redis | None = None
_pulses: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Pulse] = weakref.WeakKeyDictionary()
