"""Two beats, two of each worker: each event runs once, and limits hold to the last place."""

from __future__ import annotations

import random
from collections.abc import Iterator

from executions.models import TriggerGate
from tests.faults import rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until

PER_MINUTE = 10


@script.register("P11", small=100, full=5_000)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    free = rows.listen(rows.agent("Is free"), "met")
    limited = rows.agent("Is limited", max_executions_per_minute=PER_MINUTE)
    rows.listen(limited, "met")
    for _ in range(2):
        ground.start_all()
    rows.happen("met", size)
    done = until(lambda: rows.all_ended(size, trigger=free), seconds=60 + size / 10)
    yield at_most("seconds until the last end", done, 30 + size / 50)
    yield exactly(
        "what became of the free runs", dict(rows.statuses(trigger=free)), {"completed": size}
    )
    yield exactly(
        "ends that were counted", TriggerGate.objects.get(pk=free.pk).total_executions, size
    )
    if done is not None and done < 50:
        yield exactly("starts of the limited agent", rows.starts(limited), PER_MINUTE)
