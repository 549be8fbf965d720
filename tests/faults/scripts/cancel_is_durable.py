"""What was cancelled while every worker was down never runs.

Queued runs, and runs in flight when their worker was killed, are cancelled; then workers come back.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from executions import launch
from executions.models import Execution
from tests.faults import peer, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until


@script.register("P22", small=20, full=100, settings=script.QUICK)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    in_flight = size // 10
    with peer.running() as other:
        agent = rows.agent("Asks", other.step("/hold"), other.step("/ok"), max_concurrent=in_flight)
        rows.listen(agent, "asked")
        ground.start_all()
        rows.happen("asked", size + in_flight)
        until(lambda: Execution.objects.count() == size + in_flight)
        yield at_most(
            "seconds until so many are in flight", until(lambda: other.under_way == in_flight), 30
        )
        ground.end()
        refused = sum(not launch.cancel(execution) for execution in Execution.objects.all())
        yield exactly("cancels that were refused", refused, 0)
        waiting = Execution.objects.filter(status="running").count()
        yield exactly("runs still held by the dead worker", waiting, in_flight)
        other.released.set()
        ground.start_all()
        done = until(lambda: rows.all_ended(size + in_flight), seconds=60)
        yield at_most("seconds until all have ended", done, 20)
        yield exactly("what became of all", dict(rows.statuses()), {"cancelled": size + in_flight})
        yield exactly(
            "requests of cancelled runs", other.calls["/hold"] - in_flight + other.calls["/ok"], 0
        )
