"""What the checks say when servers are away."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from celery import current_app

from executions import readiness

NOWHERE = "redis://127.0.0.1:1/0"


def test_a_tick_is_seen() -> None:
    readiness._redis().delete("alive:tick")
    assert not readiness.workers_are_about()
    readiness.tick_seen()
    assert readiness.workers_are_about()


def test_without_redis_a_tick_does_not_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    client = redis.Redis.from_url(NOWHERE, socket_connect_timeout=0.2)
    monkeypatch.setattr(readiness, "_redis", lambda: client)
    readiness.tick_seen()
    assert not readiness.workers_are_about()


def test_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    assert readiness.broker_answers()
    connect = current_app.connection_for_write

    def away(**options: Any) -> Any:
        return connect(NOWHERE, **options)

    monkeypatch.setattr(current_app, "connection_for_write", away)
    assert not readiness.broker_answers()


def test_the_database(db: None) -> None:
    assert readiness.database_answers()
