"""RabbitMQ's queues may be purged at any time: nothing is lost, and work goes on within seconds.

All runs are queued before the first purge. Workers stand still at each, so that there are messages to lose.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.faults import rabbitmq, script
from tests.faults.ground import Ground
from tests.faults.script import Figure
from tests.faults.scripts import redis_may_be_wiped


@script.register("P3", small=200, full=5_000, broker="rabbitmq", needs=rabbitmq.is_installed)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    return redis_may_be_wiped.outlive(
        ground, size, chance, name="purge", wipe=ground.purge_rabbitmq
    )
