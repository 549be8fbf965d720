"""The way to a Redis: over the address that was checked, and to no other place that the name or the server leads to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from triggers.sources.message_queue.address import Address

_CONNECT_SECONDS = 5


class _Safe(redis.SSLConnection):
    """TLS to an address, with the certificate of a name."""

    def __init__(self, *, server_hostname: str, **given: Any) -> None:
        super().__init__(**given)
        self._server_hostname = server_hostname

    def _connection_arguments(self) -> Mapping[str, Any]:
        return {**super()._connection_arguments(), "server_hostname": self._server_hostname}

    async def disconnect(self, nowait: bool = False, *args: Any, **kwargs: Any) -> None:
        """No socket is left that waits for a peer to answer the farewell of TLS."""
        writer = self._writer
        try:
            await super().disconnect(nowait, *args, **kwargs)
        finally:
            if writer is not None:
                writer.transport.abort()


def client(at: Address, host: str, *, seconds: float) -> redis.Redis:
    """`host`: the checked address of `at.place`; `seconds`: more than any call blocks."""
    given: dict[str, Any] = {
        "host": host,
        "port": at.place.port,
        "db": int(at.path or 0),
        "username": at.user or None,
        "password": at.password or None,
        "socket_timeout": seconds,
        "socket_connect_timeout": _CONNECT_SECONDS,
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 0),
        # Else a server may send the client to any other place (MOVING), which nobody has checked.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
    if at.scheme == "rediss":
        given |= {"connection_class": _Safe, "server_hostname": at.place.host}
    return redis.Redis.from_pool(redis.ConnectionPool(**given))
