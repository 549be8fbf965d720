"""Whether a process works by now: not when it was started, but when it says so."""

from __future__ import annotations

import socket
from typing import cast

import redis

from config.up.address import Address
from tests.faults.processes import Process

_SIGNS = "triggerfish:alive"  # executions.heartbeats: `role|host:pid`


def has_spoken(process: Process, *, client: redis.Redis) -> bool:
    """By its sign of life in Redis, which stays when it dies. A listener has its row, a web server listens."""
    if process.kind == "web":
        return _listens(process.address)
    if process.kind == "listener":
        return _is_known(process.name)
    try:
        names = cast("list[bytes]", client.zrange(_SIGNS, 0, -1))
    except redis.RedisError:
        return False
    return any(name.decode().partition("|")[2] == process.name for name in names)


def _listens(at: Address) -> bool:
    try:
        with socket.create_connection((at.host, at.port), timeout=2):
            return True
    except OSError:
        return False


def _is_known(name: str) -> bool:
    """On a connection of its own: threads that ask come and go, and so does the server."""
    from django.db import Error, connection

    from triggers.models import Listener

    try:
        return Listener.objects.filter(name=name).exists()
    except Error:
        return False
    finally:
        connection.close()
