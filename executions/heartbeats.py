"""Signs of life of the processes that nobody can ask: the scheduler and the workers say every two seconds that they are
there. Kept in Redis, by its own clock; who ends says so, who was killed is gone after GONE_SECONDS.

A worker's sign comes from a thread of its own, so that a long task does not look like a death; that tasks are done
too, `tick` says.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterable
from functools import cache

import redis
from django.conf import settings

log = logging.getLogger(__name__)
EVERY_SECONDS = 2.0
GONE_SECONDS = 10.0
SCHEDULER, TICK = "scheduler", "tick"
_TIMEOUT_SECONDS = 0.2
_REMEMBERED_SECONDS = 86_400  # so that it can be said since when somebody is gone

# KEYS: the set. ARGV: for how long a name is remembered, then the names. The clock is Redis' own.
_BEAT = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
for index = 2, #ARGV do redis.call('ZADD', KEYS[1], now, ARGV[index]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[1])
"""
_READ = """
local time = redis.call('TIME')
return {time[1] .. '.' .. string.format('%06d', time[2]), redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')}
"""


def tell(*roles: str) -> None:
    """This process is there, as each of these. Never raises: without Redis there is nobody to tell."""
    try:
        _client().eval(_BEAT, 1, _key(), str(_REMEMBERED_SECONDS), *map(_name, roles))
    except redis.RedisError:
        log.debug("a sign of life could not be given, Redis is away")


def ages() -> dict[str, float]:
    """Seconds since the last sign of each role, of whichever process gave it last. Raises redis.RedisError."""
    now, pairs = _client().eval(_READ, 1, _key())
    found: dict[str, float] = {}
    for name, at in zip(pairs[::2], pairs[1::2], strict=True):
        role = name.decode().partition("|")[0]
        age = max(0.0, float(now) - float(at))
        found[role] = min(age, found.get(role, age))
    return found


class Heart:
    """Tells of this process's roles from a thread, until it is stopped."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._roles: tuple[str, ...] = ()

    def start(self, roles: Iterable[str]) -> None:
        """Twice is once: a worker that found its broker again is ready again."""
        self._roles = tuple(roles)
        if self._thread is None:
            self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends, and is gone at once for everybody."""
        self._stopped.set()
        try:
            _client().zrem(_key(), *map(_name, self._roles or [""]))
        except redis.RedisError:
            log.debug("nobody could be told of the end, Redis is away")

    def _beat(self) -> None:
        tell(*self._roles)
        while not self._stopped.wait(EVERY_SECONDS):
            tell(*self._roles)


def _name(role: str) -> str:
    return f"{role}|{'' if role == TICK else f'{socket.gethostname()}:{os.getpid()}'}"


def _key() -> str:
    return f"{settings.CELERY_KEY_PREFIX}alive"


def _client() -> redis.Redis:
    return _client_of(os.getpid(), settings.REDIS_URL)


@cache
def _client_of(pid: int, url: str) -> redis.Redis:
    """One per process: workers fork while a heart beats."""
    return redis.Redis.from_url(
        url,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        retry=None,
    )
