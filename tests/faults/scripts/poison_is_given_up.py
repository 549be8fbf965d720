"""A run that kills its own process takes nobody with it: it is given up after three tries, and all others complete.

A process that it killed works again soon: that of many runs is started again, that of lone runs forks another child.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from django.db.models import Max

from executions.models import Execution
from tests.faults import rows, script
from tests.faults.ground import Ground
from tests.faults.processes import Process, has_children
from tests.faults.script import Figure, at_least, at_most, exactly, until

TRIES = 3
DOWN_SECONDS = 10


@script.register("P8", small=50, full=1_000, settings=script.QUICK)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    bad = size // 50
    rows.listen(
        rows.agent("Is poison", {"action": "kill_worker", "params": {}}),
        "bad",
        failure_threshold=10_000,
    )
    rows.listen(rows.agent("Is good"), "good")
    ground.start("worker", "beat", "agents", revived=True)
    (alone,) = ground.start("alone", revived=True)
    until(lambda: ground.is_ready(alone))
    gap = _Gap(alone)
    kinds = ["bad"] * bad + ["good"] * (size - bad)
    chance.shuffle(kinds)
    for kind in kinds:
        rows.happen(kind)
    done = until(lambda: gap.look() or rows.all_ended(size), seconds=120 + 20 * bad)
    yield at_most("seconds until the last end", done, 60 + 20 * bad)
    yield exactly(
        "what became of the poison",
        dict(rows.statuses(agent_name="Is poison")),
        {"failed: poison": bad},
    )
    yield exactly(
        "what became of the others",
        dict(rows.statuses(agent_name="Is good")),
        {"completed": size - bad},
    )
    until(lambda: ground.reviver.missed == 0)
    yield exactly("processes that do not work again", ground.reviver.missed, 0)
    yield at_least("deaths of processes of many runs", ground.deaths, 1)
    yield at_most("seconds until one works again", ground.reviver.gap, DOWN_SECONDS)
    yield at_most("seconds without a child of that of lone runs", gap.longest, DOWN_SECONDS)
    tries = Execution.objects.filter(agent_name="Is poison").aggregate(most=Max("losses"))["most"]
    yield at_most("tries of one poison", tries, TRIES)


class _Gap:
    """`longest`: the most seconds for which a process that has a child had none."""

    def __init__(self, process: Process) -> None:
        self.longest = 0.0
        self._process = process
        self._since: float | None = None

    def look(self) -> bool:
        """Never true: to be asked while one waits for something else."""
        now, has_one = time.monotonic(), has_children(self._process)
        if self._since is not None:
            self.longest = max(self.longest, now - self._since)
        self._since = None if has_one else self._since or now
        return False
