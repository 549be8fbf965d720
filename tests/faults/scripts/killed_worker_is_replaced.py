"""Runs of a killed worker are run again, and each completes once; one in the middle of an action outside asks a person.

An agents process is killed while it has runs in flight. Their lease is lost, and the `alone` worker goes on with them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from executions.models import TriggerGate
from tests.faults import peer, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until


@script.register("P1", small=8, full=90, settings=script.QUICK)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    with peer.running() as other:
        asks = rows.listen(rows.agent("Asks", other.step("/hold", timeout_seconds=120)), "asked")
        rows.listen(rows.agent("Pays", other.step("/hold?pay", method="POST")), "paid")
        (agents,) = ground.start_all()
        rows.happen("asked", size)
        rows.happen("paid")
        yield at_most(
            "seconds until all are in flight", until(lambda: other.under_way == size + 1), 30
        )
        agents.kill()
        ground.start("agents")
        other.released.set()
        done = until(lambda: rows.all_ended(size + 1), seconds=60 + size)
        yield at_most("seconds from the kill to the last end", done, 30 + size)
        yield exactly("runs that completed", rows.statuses(trigger=asks)["completed"], size)
        yield exactly(
            "ends that were counted", TriggerGate.objects.get(pk=asks.pk).total_executions, size
        )
        yield exactly(
            "the payment in doubt", dict(rows.statuses(agent_name="Pays")), {"interrupted": 1}
        )
        yield exactly("times that it was sent", other.calls["/hold?pay"], 1)
