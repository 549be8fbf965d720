"""With RabbitMQ as the broker: no accepted event is lost by a crash of anything, and none is run twice."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.faults import rabbitmq, script
from tests.faults.ground import Ground
from tests.faults.script import Figure
from tests.faults.scripts import crashes_lose_no_event


@script.register(
    "P1",
    small=200,
    full=10_000,
    settings=script.QUICK,
    broker="rabbitmq",
    needs=rabbitmq.is_installed,
)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    return crashes_lose_no_event.prove(ground, size, chance)
