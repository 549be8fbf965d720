"""Runs of a hung worker are run again, and what it says when it wakes up is refused.

All agents processes are stopped with SIGSTOP while they have runs in flight, for longer than their lease; later they
go on.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from executions.models import Execution, TriggerGate
from tests.faults import peer, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until


@script.register(small=6, full=100, settings=script.QUICK)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    with peer.running() as other:
        trigger = rows.listen(rows.agent("Asks", other.step("/hold", timeout_seconds=120)), "asked")
        agents = ground.start_all(agents=2)
        rows.happen("asked", size)
        yield at_most("seconds until all are in flight", until(lambda: other.under_way == size), 30)
        for process in agents:
            process.hang()
        handed_on = until(lambda: not Execution.objects.filter(status="running", losses=0).exists())
        yield at_most("seconds until all were taken away", handed_on, 20)
        other.released.set()
        ground.start("agents")
        done = until(lambda: rows.all_ended(size), seconds=60 + size)
        yield at_most("seconds until all have ended", done, 30 + size)
        for process in agents:
            process.go_on()
        rows.happen("asked", size)
        woken = until(lambda: rows.all_ended(2 * size), seconds=60)
        yield at_most("seconds until as many more have ended", woken, 30)
        yield exactly("what became of all", dict(rows.statuses()), {"completed": 2 * size})
        counted = TriggerGate.objects.get(pk=trigger.pk).total_executions
        yield exactly("ends that were counted", counted, 2 * size)
