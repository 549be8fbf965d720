"""How long a retry waits, and what a failure means for the run."""

from __future__ import annotations

import datetime as dt
import email.utils
from collections.abc import Callable
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from config.lib import clock
from executions import executor
from executions.models import Execution, Status
from executions.performing import retry_wait


@pytest.mark.parametrize("attempt, longest", [(1, 2), (2, 4), (5, 32), (6, 60), (20, 60)])
def test_waits_are_spread_and_double_up_to_a_minute(attempt: int, longest: float) -> None:
    waits = [retry_wait(attempt) for _ in range(2000)]
    assert 0 <= min(waits) < longest * 0.05
    assert longest * 0.95 < max(waits) <= longest
    assert abs(sum(waits) / len(waits) - longest / 2) < longest * 0.05


@pytest.mark.parametrize("asked, at_least", [(7, 7), (0, 0), (3600, 3600), (10**9, 86_400)])
def test_never_before_the_peer_wants_it(asked: float, at_least: float) -> None:
    waits = [retry_wait(1, retry_after=asked) for _ in range(200)]
    assert at_least <= min(waits)
    assert max(waits) <= at_least + 2


@pytest.mark.django_db(transaction=True)
class TestRetryAfter:
    def waits(self, server: HTTPServer, start: Callable[..., Execution], header: str) -> float:
        answer: dict[str, Any] = {"status": 429, "headers": {"Retry-After": header}}
        server.expect_request("/busy").respond_with_data("later", **answer)
        url = server.url_for("/busy")
        execution = start({"action": "http_request", "params": {"url": url, "method": "POST"}})
        executor.drain()
        execution.refresh_from_db()
        assert (execution.status, execution.attempt) == (Status.RETRYING, 1)
        assert execution.run_at is not None
        return (execution.run_at - clock.now()).total_seconds()

    def test_in_seconds(
        self, httpserver: HTTPServer, start: Callable[..., Execution], settings: Any
    ) -> None:
        settings.OUTBOUND_ALLOW = ["127.0.0.1", "localhost"]
        assert 115 < self.waits(httpserver, start, "120") <= 122

    def test_as_a_date(
        self, httpserver: HTTPServer, start: Callable[..., Execution], settings: Any
    ) -> None:
        settings.OUTBOUND_ALLOW = ["127.0.0.1", "localhost"]
        at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=120)
        header = email.utils.format_datetime(at, usegmt=True)
        assert 110 < self.waits(httpserver, start, header) <= 122
