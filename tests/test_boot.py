"""Several test processes beside each other stand on the same servers, and in nobody's way."""

from __future__ import annotations

import pytest

from tests.boot import redis_database_of


@pytest.mark.parametrize(
    "url, own",
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/2"),
        ("redis://me:secret@cache:6379", "redis://me:secret@cache:6379/2"),
        ("unix:///var/run/valkey.sock?db=0", "unix:///var/run/valkey.sock?db=2"),
    ],
)
def test_each_process_has_a_redis_database(url: str, own: str) -> None:
    assert redis_database_of("gw1", url) == own
