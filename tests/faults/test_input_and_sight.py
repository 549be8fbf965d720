"""Fault scripts of bad input, of what people see meanwhile, and the soak."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults import runner
from tests.faults.runner import Runner

pytestmark = runner.TIMEOUT


@pytest.fixture(scope="module")
def process() -> Iterator[Runner]:
    yield from runner.running("redis")


@pytest.mark.parametrize("name", runner.scripts(runner.is_of_input_or_sight))
def test_it_holds(process: Runner, name: str) -> None:
    runner.assert_it_holds(process, name)
