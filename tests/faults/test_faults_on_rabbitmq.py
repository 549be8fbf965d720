"""Fault scripts whose broker is RabbitMQ, where it is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults import runner, script
from tests.faults.runner import Runner

pytestmark = runner.TIMEOUT


@pytest.fixture(scope="module")
def process() -> Iterator[Runner]:
    yield from runner.running("rabbitmq")


@pytest.mark.parametrize(
    "name", runner.scripts(lambda one: script.broker_of(one.name) == "rabbitmq")
)
def test_it_holds(process: Runner, name: str) -> None:
    runner.assert_it_holds(process, name)
