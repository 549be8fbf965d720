"""Runs of hung workers are run again, and what those say when they wake up is refused.

Half of the agents processes, four of eight, are stopped with SIGSTOP while they have runs in flight, for three leases.
Their calls are answered meanwhile: when they go on, each of them comes to the ends of runs that others have ended.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterator

from executions.models import Execution, TriggerGate
from tests.faults import loglines, peer, rows, script
from tests.faults.ground import Ground
from tests.faults.processes import Process
from tests.faults.script import Figure, at_least, at_most, exactly, until

LARGE = 100
PROCESSES = {False: 4, True: 8}
HANG_SECONDS = 9.0  # three leases
SETTINGS = {**script.QUICK, "EXECUTE_SLOTS": "40"}  # 20 of one agent: most have some
REFUSED = "late ends were refused"  # executions.finish


@script.register("P6", small=40, full=100, settings=SETTINGS)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    with peer.running() as other:
        trigger = rows.listen(rows.agent("Asks", other.step("/hold", timeout_seconds=120)), "asked")
        agents = ground.start_all(agents=PROCESSES[size >= LARGE])
        until(lambda: all(map(ground.is_ready, agents)))
        rows.happen("asked", size)
        yield at_most("seconds until all are in flight", until(lambda: other.under_way == size), 30)
        holders = [one for one in agents if _held_by(one)]
        victims = chance.sample(holders, min(len(agents) // 2, len(holders)))
        theirs = [_held_by(victim) for victim in victims]
        began = time.monotonic()
        for victim in victims:
            victim.hang()
        yield exactly("processes that hang with runs", sum(map(bool, theirs)), len(agents) // 2)
        taken = [pk for some in theirs for pk in some]
        mine = Execution.objects.filter(pk__in=taken)
        handed_on = until(lambda: not mine.filter(losses=0).exists())
        yield at_most("seconds until all were taken away", handed_on, 20)
        other.released.set()
        done = until(lambda: rows.all_ended(size), seconds=60 + size)
        yield at_most("seconds until all have ended", done, 30 + size)
        time.sleep(max(0.0, began + HANG_SECONDS - time.monotonic()))
        before, said = _ends(), loglines.total(ground.logs(), REFUSED, "runs")
        for victim in victims:
            victim.go_on()
        yield at_least("seconds for which they hung", time.monotonic() - began, HANG_SECONDS)

        def refused() -> int:
            return loglines.total(ground.logs(), REFUSED, "runs") - said

        came = until(lambda: refused() >= len(taken))
        yield at_most("seconds until they have said what became of theirs", came, 30)
        yield exactly("late ends that were refused", refused(), len(taken))
        yield exactly("ends that they changed", len(before ^ _ends()), 0)
        rows.happen("asked", size)
        woken = until(lambda: rows.all_ended(2 * size), seconds=60)
        yield at_most("seconds until as many more have ended", woken, 30)
        yield exactly("what became of all", dict(rows.statuses()), {"completed": 2 * size})
        counted = TriggerGate.objects.get(pk=trigger.pk).total_executions
        yield exactly("ends that were counted", counted, 2 * size)
        yield exactly(
            "calls, the lost ones among them", other.calls["/hold"], 2 * size + len(taken)
        )


def _held_by(process: Process) -> list[uuid.UUID]:
    running = Execution.objects.filter(status="running", worker=process.name)
    return list(running.values_list("pk", flat=True))


def _ends() -> set[tuple[object, ...]]:
    """What of each run must stay as it is once it has ended."""
    return set(Execution.objects.values_list("pk", "status", "worker", "attempt", "finished_at"))
