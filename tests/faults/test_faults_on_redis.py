"""Fault scripts on Redis: crashes, outages, clocks, limits and queues."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults import runner, script
from tests.faults.runner import Runner
from tests.faults.script import Script

pytestmark = runner.TIMEOUT


@pytest.fixture(scope="module")
def process() -> Iterator[Runner]:
    yield from runner.running("redis")


def is_meant(one: Script) -> bool:
    return script.broker_of(one.name) == "redis" and not runner.is_of_input_or_sight(one)


@pytest.mark.parametrize("name", runner.scripts(is_meant))
def test_it_holds(process: Runner, name: str) -> None:
    runner.assert_it_holds(process, name)
