"""While RabbitMQ is down, saves and webhooks succeed as quickly as ever; when it is back, work goes on.

`size` is how many seconds it is down; contacts are saved and webhooks are sent, signed and unsigned, all the while.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.faults import hooks, rabbitmq, script
from tests.faults.ground import Ground
from tests.faults.script import Figure
from tests.faults.scripts import redis_may_be_killed


@script.register(
    "P4",
    small=2,
    full=600,
    settings=hooks.NO_LIMITS,
    broker="rabbitmq",
    needs=rabbitmq.is_installed,
)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    return redis_may_be_killed.outlive(
        ground, size, name="RabbitMQ", kill=ground.kill_rabbitmq, start=ground.start_rabbitmq
    )
