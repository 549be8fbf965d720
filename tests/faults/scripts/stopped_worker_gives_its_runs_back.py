"""Graceful stops lose no run and burn no attempt.

Agents processes are stopped one after the other, each when the next has started, while long runs are in flight and
short ones come. `size` is the number of stops.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from executions.models import Execution
from tests.faults import peer, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until

LONG, SHORT = 10, 10
GRACE_SECONDS = 2


@script.register(small=1, full=50, settings=script.QUICK)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    with peer.running() as other:
        rows.listen(rows.agent("Is slow", other.step("/hold", timeout_seconds=120)), "slow")
        rows.listen(rows.agent("Is quick", other.step("/work?ms=200")), "quick")
        (agents,) = ground.start_all()
        rows.happen("slow", LONG)
        slowest: float | None = 0.0
        for _ in range(size):
            rows.happen("quick", SHORT)
            yield from _unless(until(in_flight, seconds=30), "the long runs were not in flight")
            (successor,) = ground.start("agents")
            agents.stop()
            gone = until(lambda process=agents: not process.is_alive())  # type: ignore[misc]
            slowest = None if gone is None or slowest is None else max(slowest, gone)
            agents = successor
        yield at_most(f"seconds that a stop takes, with a grace of {GRACE_SECONDS}", slowest, 15)
        other.released.set()
        total = LONG + SHORT * size
        yield at_most("seconds until all have ended", until(lambda: rows.all_ended(total)), 30)
        yield exactly("what became of all", dict(rows.statuses()), {"completed": total})
        yield exactly(
            "runs with a second attempt", Execution.objects.filter(attempt__gt=1).count(), 0
        )
        yield exactly("runs that lost a worker", Execution.objects.filter(losses__gt=0).count(), 0)


def in_flight() -> bool:
    return Execution.objects.filter(agent_name="Is slow", status="running").count() == LONG


def _unless(took: float | None, what: str) -> Iterator[Figure]:
    if took is None:
        yield exactly(what, seen=True, asked=False)
