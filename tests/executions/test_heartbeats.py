"""Signs of life, on a real Redis."""

from __future__ import annotations

import time

import pytest
import redis
from pytest_django import Settings

from executions import heartbeats
from executions.heartbeats import Heart


@pytest.fixture(autouse=True)
def nobody(settings: Settings) -> None:
    settings.CELERY_KEY_PREFIX = "test_heartbeats:"
    heartbeats._client().delete(heartbeats._key())


def test_who_tells_is_there() -> None:
    assert heartbeats.ages() == {}
    heartbeats.tell("dispatch", "execute")
    ages = heartbeats.ages()
    assert set(ages) == {"dispatch", "execute"}
    assert all(0 <= age < 10 for age in ages.values())


def test_of_several_the_newest_counts() -> None:
    long_ago = time.time() - 500
    heartbeats._client().zadd(heartbeats._key(), {"dispatch|another:1": long_ago})
    assert heartbeats.ages()["dispatch"] > 400
    heartbeats.tell("dispatch")
    assert heartbeats.ages()["dispatch"] < 10


def test_who_was_gone_for_a_day_is_forgotten() -> None:
    heartbeats._client().zadd(heartbeats._key(), {"dispatch|another:1": time.time() - 90_000})
    heartbeats.tell("alone")
    assert set(heartbeats.ages()) == {"alone"}


def test_a_heart_beats_until_it_is_stopped() -> None:
    heart = Heart()
    heart.start(["dispatch"])
    heart.start(["dispatch"])
    deadline = time.monotonic() + 30
    while "dispatch" not in heartbeats.ages():
        assert time.monotonic() < deadline
    heart.stop()
    assert heart._thread is not None
    heart._thread.join(30)
    heartbeats._client().zrem(heartbeats._key(), heartbeats._name("dispatch"))
    assert heartbeats.ages() == {}


def test_without_redis_a_sign_fails_nobody(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    heartbeats.tell("dispatch")
    Heart().stop()
    with pytest.raises(redis.RedisError):
        heartbeats.ages()
