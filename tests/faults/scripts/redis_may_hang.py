"""A Redis that takes connections and answers nobody holds up no save; when it wakes up, work goes on."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.faults import rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until
from tests.faults.scripts.redis_may_be_killed import percentile, save

PAUSE_SECONDS = 2


@script.register("P4", small=20, full=1_000)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    rows.listen(rows.agent("Greets"), "contact_created")
    ground.start_all()
    save()
    yield at_most("seconds until the first run", until(lambda: rows.all_ended(1)), 30)
    ground.pause_redis(PAUSE_SECONDS)
    took = [save() for _ in range(size)]
    done = until(lambda: rows.all_ended(size + 1), seconds=60 + size / 20)
    yield at_most("a save meanwhile, 95 of 100, in milliseconds", percentile(took, 95), 200)
    yield at_most(
        "seconds from the last save to the last end", done, PAUSE_SECONDS + 30 + size / 50
    )
    yield exactly("what became of all", dict(rows.statuses()), {"completed": size + 1})
