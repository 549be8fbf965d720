"""Whether this installation can do its work: the database answers, the broker answers, and workers are about.

A worker is about when `tick` ran within the last 30 seconds: beat sent it, the broker carried it, a worker took it.
"""

from __future__ import annotations

import logging
from functools import lru_cache

import redis
from django.conf import settings
from django.db import DatabaseError, connection

from config.lib import broker

log = logging.getLogger(__name__)
ALIVE_SECONDS = 30
_TICK = "alive:tick"
_TIMEOUT_SECONDS = 0.5


def tick_seen() -> None:
    """Called by each `tick`. Never raises: without Redis there is nobody to tell."""
    try:
        _redis().set(_TICK, 1, ex=ALIVE_SECONDS)
    except redis.RedisError:
        log.warning("tick could not say that it ran, Redis is away")


def checks() -> dict[str, bool]:
    """`{"database", "broker", "workers"}`; takes a few milliseconds, at most about two seconds."""
    return {
        "database": database_answers(),
        "broker": broker_answers(),
        "workers": workers_are_about(),
    }


def database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def broker_answers() -> bool:
    try:
        with broker.connection(seconds=_TIMEOUT_SECONDS) as asked:
            asked.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
    except Exception:  # noqa: BLE001 - each broker's client has errors of its own; all mean no
        return False
    return True


def workers_are_about() -> bool:
    try:
        return bool(_redis().exists(_TICK))
    except redis.RedisError:
        return False


@lru_cache(maxsize=1)
def _redis() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
    )
