"""Redis may be wiped at any time: nothing is lost, and work goes on within seconds.

All runs are queued before the first wipe. Workers stand still at each, so that there are messages to lose.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator

from tests.faults import rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until, worst

WIPES = 5
WORKERS = ("worker", "agents", "alone")


@script.register("P3", small=200, full=5_000)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    return outlive(ground, size, chance, name="wipe", wipe=ground.wipe_redis)


def outlive(
    ground: Ground, size: int, chance: random.Random, *, name: str, wipe: Callable[[], object]
) -> Iterator[Figure]:
    """What holds, however a broker loses its messages."""
    rows.listen(rows.agent("Greets"), "met")
    rows.listen(rows.agent("Answers"), "called")
    ground.start_all()
    yield from _queue(size, name)
    seen = []
    for number in range(WIPES):
        _wait_for_ends(size * (number + chance.random() / 2) / WIPES, size)
        seen.append(_lose(ground, wipe))
    lost, resumed, answered = zip(*seen, strict=True)
    total = size + WIPES
    done = until(lambda: rows.all_ended(total), seconds=60 + size / 20)
    yield exactly(f"{name}s that took messages away", sum(count > 0 for count in lost), WIPES)
    yield at_most(f"seconds from a {name} to the first end of a later run", worst(resumed), 15)
    yield at_most("seconds from there until what had just come has run", worst(answered), 15)
    yield at_most(f"seconds from the last {name} to the last end", done, 15 + size / 50)
    yield exactly("what became of all", dict(rows.statuses()), {"completed": total})


def _lose(ground: Ground, wipe: Callable[[], object]) -> tuple[int, float | None, float | None]:
    """How many messages there were; seconds until a later run ended, and from there until a new event's had."""
    with ground.standing_still(*WORKERS):
        until(lambda: ground.messages() > 0, seconds=15)
        (call,) = rows.happen("called")
        waiting = ground.messages()
        wipe()
        wiped_at = dt.datetime.now(dt.UTC)
    resumed = until(lambda: rows.some_ended_since(wiped_at))
    return waiting, resumed, until(lambda: rows.all_ended(1, event=call))


def _wait_for_ends(count: float, size: int) -> None:
    until(lambda: rows.statuses()["completed"] >= count, seconds=60 + size / 20, every=0.2)


def _queue(size: int, name: str) -> Iterator[Figure]:
    rows.pause_workspace(paused=True)
    rows.happen_at_once("met", size)
    until(lambda: rows.statuses()["queued"] >= size, seconds=60 + size / 20, every=0.3)
    yield exactly(f"what waits before the first {name}", dict(rows.statuses()), {"queued": size})
    rows.pause_workspace(paused=False)
