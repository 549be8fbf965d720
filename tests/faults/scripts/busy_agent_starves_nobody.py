"""An agent with a long queue does not hold up the others.

One agent's runs are queued by the thousand, then events for many other agents come.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from executions.models import Execution
from tests.faults import rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_least, at_most, exactly, until

A_CROWD = 10_000


@script.register("P12", small=2_000, full=100_000)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    others, each = (99, 10) if size >= A_CROWD else (20, 3)
    busy = rows.listen(rows.agent("Is busy"), "flood")
    for number in range(others):
        rows.listen(rows.agent(f"Other {number}"), f"drop.n{number}")
    rows.pause_workspace(paused=True)
    ground.start_all()
    rows.happen_at_once("flood", size)
    queued = Execution.objects.filter(trigger=busy)
    filled = until(lambda: queued.count() >= size, seconds=120 + size / 200, every=0.2)
    yield at_most("seconds until the queue is full", filled, 60 + size / 200)
    rows.pause_workspace(paused=False)
    until(lambda: queued.filter(status="completed").exists(), seconds=30)
    drops = [f"drop.n{number}" for number in range(others)] * each
    chance.shuffle(drops)
    began = time.monotonic()
    for drop in drops:
        rows.happen(drop)
    the_others = {"agent_name__startswith": "Other"}
    done = until(lambda: rows.all_ended(others * each, **the_others), seconds=180, every=0.2)
    took = None if done is None else time.monotonic() - began
    left = queued.filter(status="queued").count()
    yield at_most(f"seconds that {others} others take for {each} runs each", took, 60)
    yield exactly(
        "what became of theirs", dict(rows.statuses(**the_others)), {"completed": others * each}
    )
    yield at_least("runs of the busy one still queued then", left, 1)
