"""A peer that never finishes its answer ends the run at its limit, and the place is free again."""

from __future__ import annotations

import random
from collections.abc import Iterator

from executions.models import Execution
from tests.faults import peer, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until

LIMIT_SECONDS, LATE_SECONDS = 2, 30


@script.register("P21", small=5, full=50)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    with peer.running() as other:
        moods = [other.step("/drip", timeout_seconds=60), other.step("/hold", timeout_seconds=60)]
        for name, step in zip(("drips", "holds"), moods, strict=True):
            agent = rows.agent(f"Asks one that {name}", step, timeout_seconds=LIMIT_SECONDS)
            rows.listen(agent, name, failure_threshold=10_000)
        rows.listen(rows.agent("Is quick"), "quick")
        ground.start_all()
        for name in ("drips", "holds"):
            rows.happen(name, size)
        ended = until(lambda: rows.all_ended(2 * size), seconds=90 + size)
        yield at_most("seconds until all have ended", ended, 60 + size)
        yield exactly("what became of them", dict(rows.statuses()), {"timed_out": 2 * size})
        late = max(
            (run.finished_at - run.started_at).total_seconds() - LIMIT_SECONDS
            for run in Execution.objects.all()
            if run.finished_at and run.started_at
        )
        yield at_most("seconds over the limit", late, LATE_SECONDS)
        rows.happen("quick", size)
        after = until(lambda: rows.all_ended(3 * size), seconds=30)
        yield at_most("seconds that others take afterwards", after, 15)
