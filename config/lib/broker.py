"""Connections to the broker for those who send: each waits a given time at most for any answer, whichever broker it is.

By themselves the clients wait for ever. A connection that died without a word (a broker that hangs, a proxy or a
firewall that forgot it) would swallow what is sent: so RabbitMQ confirms each message, and no confirmation in time
means a new connection. Redis answers each command anyhow. Those who listen have heartbeats for it
(CELERY_BROKER_HEARTBEAT).
"""

from __future__ import annotations

from typing import Any

from celery import current_app
from django.conf import settings


def connection(*, seconds: float) -> Any:
    """A kombu connection, not open yet. `seconds`: the patience for connecting, for each write and each answer."""
    made = current_app.connection_for_write(connect_timeout=seconds, heartbeat=0)
    patience = _rabbitmq(seconds) if settings.ON_RABBITMQ else _redis(seconds)
    made.transport_options = {**(made.transport_options or {}), **patience}
    return made


def _rabbitmq(seconds: float) -> dict[str, Any]:
    # No heartbeat: who only sends would send none, and RabbitMQ would hang up without our noticing.
    return {
        "max_retries": 0,
        "read_timeout": seconds,
        "write_timeout": seconds,
        "confirm_publish": True,
    }


def _redis(seconds: float) -> dict[str, Any]:
    return {"socket_timeout": seconds, "socket_connect_timeout": seconds, "retry_on_timeout": False}
