"""Numbers are given out once, and read by many."""

from __future__ import annotations

import asyncio
import uuid

import pytest
import redis

from executions import numbering


def test_numbers_are_given_out_once_per_workspace() -> None:
    one, two = uuid.uuid4(), uuid.uuid4()
    assert numbering.take({one: 3, two: 1}) == {one: 3, two: 1}
    assert numbering.take({one: 2}) == {one: 5}


async def test_the_newest_number_is_read_once_for_all_who_ask() -> None:
    workspace_id = uuid.uuid4()
    assert await numbering.latest(workspace_id) == 0
    numbering.take({workspace_id: 4})
    assert await numbering.latest(workspace_id) == 0  # asked again a moment later
    await asyncio.sleep(numbering.PULSE_SECONDS)
    assert await numbering.latest(workspace_id) == 4


async def test_without_redis_no_number_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.5)
    monkeypatch.setattr(numbering, "_client", nobody)
    assert await numbering.latest(uuid.uuid4()) is None
