"""A language model that never ends its answer ends the run at its limit, and the place is free again."""

from __future__ import annotations

import random
from collections.abc import Iterator

from executions.models import Execution
from tests.agents.modelserver import Fault, model_server
from tests.faults import rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until

LIMIT_SECONDS, LATE_SECONDS = 2, 30


@script.register("P21", small=5, full=50)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    with model_server() as model:
        model.say(Fault.DRIP)
        asks = rows.thinker("Asks", model.url("/v1"), timeout_seconds=LIMIT_SECONDS)
        rows.listen(asks, "asked", failure_threshold=10_000)
        rows.listen(rows.agent("Is quick"), "quick")
        ground.start_all()
        rows.happen("asked", size)
        ended = until(lambda: rows.all_ended(size), seconds=90 + size)
        yield at_most("seconds until all have ended", ended, 60 + size)
        yield exactly("what became of them", dict(rows.statuses()), {"timed_out": size})
        late = max(
            (run.finished_at - run.started_at).total_seconds() - LIMIT_SECONDS
            for run in Execution.objects.all()
            if run.finished_at and run.started_at
        )
        yield at_most("seconds over the limit", late, LATE_SECONDS)
        gone = until(lambda: model.at_work == 0, seconds=10)
        yield at_most("seconds until no call is open", gone, 5)
        rows.happen("quick", size)
        after = until(lambda: rows.all_ended(2 * size), seconds=30)
        yield at_most("seconds that others take afterwards", after, 15)
