"""Several test processes beside each other stand on the same servers, and in nobody's way."""

from __future__ import annotations

import pytest

from tests.boot import redis_database_of
from tests.faults import network


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


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_each_process_collects_what_the_first_found_possible(
    answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESTS_CAN_MAKE_NETWORKS", answer)

    assert network.can_be_made() is (answer == "yes")
