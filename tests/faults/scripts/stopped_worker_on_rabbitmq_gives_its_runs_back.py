"""With RabbitMQ as the broker: graceful stops lose no event and no run, and burn no attempt.

`size` is the number of stops.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.faults import rabbitmq, script
from tests.faults.ground import Ground
from tests.faults.script import Figure
from tests.faults.scripts import stopped_worker_gives_its_runs_back


@script.register(
    "P7",
    small=6,
    full=50,
    settings=stopped_worker_gives_its_runs_back.SETTINGS,
    broker="rabbitmq",
    needs=rabbitmq.is_installed,
)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    return stopped_worker_gives_its_runs_back.prove(ground, size, chance)
