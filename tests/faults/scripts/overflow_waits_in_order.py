"""What is over the limit per minute waits in its order; nothing is lost, and no storm of messages comes of it.

An agent that may start ten times a minute gets many events at once; eight agents processes would like to run them.
Below a hundred events the minutes are not waited for: what has started is moved into the past instead.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

from executions.models import AgentStart, Execution
from tests.faults import rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until

PER_MINUTE, PROCESSES = 10, 8
WAITED_FOR = 100  # events, from which on real minutes pass


@script.register("P10", small=25, full=200)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    agent = rows.agent("Is limited", max_executions_per_minute=PER_MINUTE)
    rows.listen(agent, "met")
    ground.start_all(agents=PROCESSES)
    rows.happen("met", size)
    storm = 0
    for window in range(1, -(-size // PER_MINUTE) + 1):
        due = min(size, window * PER_MINUTE)

        def is_over(due: int = due) -> bool:
            nonlocal storm
            storm = max(storm, ground.messages())
            return rows.statuses()["completed"] >= due

        took = until(is_over, seconds=90, every=0.1)
        if took is None or size < WAITED_FOR:
            yield at_most(f"seconds until {due} have completed", took, 20)
        if size < WAITED_FOR:
            rows.let_pass(60)
    yield exactly("what became of all", dict(rows.statuses()), {"completed": size})
    yield at_most("starts in any 60 seconds", most_in_a_minute(), PER_MINUTE)
    began = Execution.objects.order_by("position").values_list("started_at", flat=True)
    overtaken = sum(before > after for before, after in pairwise(began) if before and after)
    yield exactly("runs that overtook another", overtaken, 0)
    yield at_most("messages at the broker", storm, 2 * PROCESSES)


def most_in_a_minute() -> int:
    moments = sorted(AgentStart.objects.values_list("at", flat=True))
    most, first = 0, 0
    for number, at in enumerate(moments):
        while (at - moments[first]).total_seconds() >= 60:
            first += 1
        most = max(most, number - first + 1)
    return most
