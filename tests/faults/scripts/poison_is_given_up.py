"""A run that kills its own process takes nobody with it: it is given up after three tries, and all others complete."""

from __future__ import annotations

import random
from collections.abc import Iterator

from django.db.models import Max

from executions.models import Execution
from tests.faults import rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until

TRIES = 3


@script.register(small=50, full=1_000, settings=script.QUICK)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    bad = size // 50
    rows.listen(
        rows.agent("Is poison", {"action": "kill_worker", "params": {}}),
        "bad",
        failure_threshold=10_000,
    )
    rows.listen(rows.agent("Is good"), "good")
    ground.start_all(revived=True)
    kinds = ["bad"] * bad + ["good"] * (size - bad)
    chance.shuffle(kinds)
    for kind in kinds:
        rows.happen(kind)
    done = until(lambda: rows.all_ended(size), seconds=120 + 20 * bad)
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
    tries = Execution.objects.filter(agent_name="Is poison").aggregate(most=Max("losses"))["most"]
    yield at_most("tries of one poison", tries, TRIES)
