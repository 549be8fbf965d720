"""How workers and beat wait for a broker that is away, and what they log."""

from __future__ import annotations

import logging

import pytest

from config.celery import LONGEST_WAIT_SECONDS, app


class Enough(Exception):
    """The first wait is known."""


def test_a_broker_that_is_away_is_asked_again_soon() -> None:
    def tell(error: Exception, seconds: float) -> None:
        waits.append(seconds)
        raise Enough

    waits: list[float] = []
    with pytest.raises(Enough):
        app.connection_for_write("redis://127.0.0.1:1/0").ensure_connection(tell, interval_start=30)
    assert waits == [LONGEST_WAIT_SECONDS]


def test_it_is_asked_for_as_long_as_it_takes() -> None:
    assert app.conf.broker_connection_max_retries is None


def test_workers_log_what_the_settings_say() -> None:
    """Celery would set the root logger to its own level, and the changes of runs would be told nowhere."""
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    app.log.setup_logging_subsystem(loglevel="ERROR")
    assert (root.level, list(root.handlers)) == before
