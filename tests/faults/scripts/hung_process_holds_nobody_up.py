"""A process that hangs in the middle of a transaction holds the others up for one lease at most.

Two of each process work off a flood of events; one of them, dispatching or running, is stopped with SIGSTOP, one of
each kind in turn. `size` is the number of events between two stops.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from executions.models import Execution, TriggerGate
from tests.faults import rows, script
from tests.faults.ground import Ground
from tests.faults.processes import Process
from tests.faults.script import Figure, at_most, exactly, until


@script.register("P6", small=500, full=5_000, settings=script.QUICK)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    trigger = rows.listen(rows.agent("Greets"), "met")
    victims = [ground.start(kind, kind)[0] for kind in ("worker", "agents")]
    ground.start("alone", "beat")
    rows.happen("met")
    yield at_most("seconds until the first run", until(lambda: rows.all_ended(1)), 30)
    total = 1
    for victim in chance.sample(victims, len(victims)):
        rows.happen_at_once("met", size)
        total += size
        took = stop_in_the_middle(victim, total, chance)
        yield at_most(
            f"seconds that the others take for {size} without one {victim.kind}",
            took,
            30 + size / 50,
        )
    yield exactly("what became of all", dict(rows.statuses()), {"completed": total})
    yield exactly(
        "ends that were counted", TriggerGate.objects.get(pk=trigger.pk).total_executions, total
    )


def stop_in_the_middle(victim: Process, total: int, chance: random.Random) -> float | None:
    """Stops it while events wait, and answers how long all of them took without it."""
    before = Execution.objects.count()
    part = chance.uniform(0.1, 0.6)
    until(lambda: Execution.objects.count() > before + part * (total - before), every=0.005)
    victim.hang()
    took = until(lambda: rows.all_ended(total), seconds=45 + total / 50)
    victim.go_on()
    return took
