"""Redis may be wiped at any time: nothing is lost, and work goes on within seconds."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.faults import rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until

WIPES = 5


@script.register(small=200, full=5_000)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    rows.listen(rows.agent("Greets"), "met")
    ground.start_all()
    for _ in range(WIPES):
        rows.happen_at_once("met", size // WIPES)
        until(lambda: chance.random() < 0.2, seconds=5)
        ground.wipe_redis()
        rows.happen("met")
    total = (size // WIPES + 1) * WIPES
    done = until(lambda: rows.all_ended(total), seconds=60 + size / 20)
    yield at_most("seconds from the last wipe to the last end", done, 15 + size / 50)
    yield exactly("what became of all", dict(rows.statuses()), {"completed": total})
