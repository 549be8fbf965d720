"""PostgreSQL may crash and come back: what was committed is there, and runs, each payment once or in doubt.

It is restarted three times in the middle of everything, without a shutdown. Who saves meanwhile is told that it failed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from executions.models import Execution
from tests.faults import peer, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until

RESTARTS = 3


@script.register("P5", small=30, full=3_000, settings=script.QUICK)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    with peer.running() as other:
        asks = rows.listen(rows.agent("Asks", other.step("/work?ms=50"), rows.NOTIFY), "asked")
        pays = rows.listen(rows.agent("Pays", other.step("/work?ms=60", method="POST")), "asked")
        ground.start_all(revived=True)
        for _ in range(RESTARTS):
            rows.happen("asked", size // RESTARTS)
            until(lambda: other.under_way > 0, seconds=30)
            ground.restart_database()
        total = size // RESTARTS * RESTARTS
        done = until(lambda: rows.all_ended(2 * total), seconds=90 + size / 20)
        yield at_most("seconds from the last restart to the last end", done, 60 + size / 50)
        yield exactly(
            "what became of the questions", dict(rows.statuses(trigger=asks)), {"completed": total}
        )
        in_doubt = Execution.objects.filter(trigger=pays, status="interrupted").count()
        yield exactly(
            "payments that completed", rows.statuses(trigger=pays)["completed"], total - in_doubt
        )
        yield at_most("payments that were sent", other.calls["/work?ms=60"], total)
        yield exactly("processes that gave up", ground.deaths, 0)
