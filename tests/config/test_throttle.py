"""Limits on callers: exact, shared by all processes, open when Redis is away."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import RequestFactory
from pytest_django.fixtures import Settings
from rest_framework.request import Request
from rest_framework.views import APIView

from config.lib import throttle


@pytest.fixture
def caller() -> str:
    return f"user:{uuid.uuid4()}"


def test_one_call_more_than_the_limit_waits(caller: str) -> None:
    waits = [throttle.seconds_to_wait("test", callers=[caller], per_minute=3) for _ in range(4)]
    assert waits[:3] == [0, 0, 0]
    assert 0 < waits[3] <= 120
    assert throttle.seconds_to_wait("other", callers=[caller], per_minute=3) == 0


def test_a_refused_call_counts_for_nobody(caller: str) -> None:
    token = f"token:{uuid.uuid4()}"
    assert throttle.seconds_to_wait("test", callers=[caller], per_minute=1) == 0
    assert throttle.seconds_to_wait("test", callers=[caller, token], per_minute=1) > 0
    assert throttle.seconds_to_wait("test", callers=[token], per_minute=1) == 0


def test_without_redis_everybody_passes(caller: str, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    throttle._client.cache_clear()
    try:
        assert throttle.seconds_to_wait("test", callers=[caller], per_minute=1) == 0
        assert throttle.seconds_to_wait("test", callers=[caller], per_minute=1) == 0
    finally:
        throttle._client.cache_clear()


@pytest.mark.parametrize(
    "proxies, remote, forwarded, expected",
    [
        (0, "10.0.0.1", "1.2.3.4", "10.0.0.1"),
        (1, "10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        (2, "10.0.0.1", "1.2.3.4, 10.0.0.2", "1.2.3.4"),
        (2, "10.0.0.1", "1.2.3.4", "1.2.3.4"),
        (1, "10.0.0.1", "", "10.0.0.1"),
        (1, "10.0.0.1", "nonsense", "unknown"),
        (0, "2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        (0, "fe80::1%eth0", "", "fe80::/64"),
        (0, "::ffff:1.2.3.4", "", "1.2.3.4"),
        (0, "", "", "unknown"),
    ],
)
def test_the_peer_is_the_real_one(
    settings: Settings, proxies: int, remote: str, forwarded: str, expected: str
) -> None:
    settings.NUM_PROXIES = proxies
    headers: dict[str, Any] = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    assert throttle.peer(RequestFactory().get("/", REMOTE_ADDR=remote, **headers)) == expected


def test_a_view_limits_per_user_and_per_token(settings: Settings) -> None:
    class Emit(throttle.PerCaller):
        name = "test-emit"
        setting = "EMIT_PER_MINUTE"

    settings.EMIT_PER_MINUTE = 1
    request = Request(RequestFactory().get("/"))
    request.user = SimpleNamespace(pk=uuid.uuid4(), is_authenticated=True)  # type: ignore[assignment]
    request.auth = SimpleNamespace(pk=uuid.uuid4())
    assert Emit().allow_request(request, APIView())
    refusing = Emit()
    assert not refusing.allow_request(request, APIView())
    assert refusing.wait() > 0
