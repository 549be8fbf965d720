"""A worker that is cut off from the database loses its runs to others, and what it says afterwards is refused.

The cut is silent: connections stay open and carry nothing. It goes on with what it had begun, and joins again.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

from executions.models import Execution, TriggerGate
from tests.faults import link, peer, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until

LARGE = 50
CUT_SECONDS = {False: 6.0, True: 90.0}


@script.register("P26", small=6, full=90, settings=script.QUICK)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    with (
        peer.running() as other,
        link.to(ground.address_of("DATABASE_URL")) as (wire, through),
    ):
        step = other.step("/hold", timeout_seconds=120)
        trigger = rows.listen(rows.agent("Asks", step, timeout_seconds=600), "asked")
        ground.start("worker", "alone", "beat")
        ground.start("agents", through={"DATABASE_URL": through})
        rows.happen("asked", size)
        flight = until(lambda: other.under_way == size, seconds=60)
        yield at_most("seconds until all are in flight", flight, 30)
        wire.hold()
        gone = until(lambda: not Execution.objects.filter(status="running", losses=0).exists())
        yield at_most("seconds until its runs were taken away", gone, 20)
        other.released.set()
        ground.start("agents")
        done = until(lambda: rows.all_ended(size), seconds=90 + size)
        yield at_most("seconds until others have ended them", done, 60 + size)
        threading.Event().wait(CUT_SECONDS[size >= LARGE])
        wire.join()
        rows.happen("asked", size)
        more = until(lambda: rows.all_ended(2 * size), seconds=60)
        yield at_most("seconds until as many more have ended", more, 30)
        yield exactly("what became of all", dict(rows.statuses()), {"completed": 2 * size})
        counted = TriggerGate.objects.get(pk=trigger.pk).total_executions
        yield exactly("ends that were counted", counted, 2 * size)
        yield exactly("calls of the first runs", other.calls["/hold"], 3 * size)
        again = Execution.objects.filter(losses=1).count()
        yield exactly("runs that began a second time, once each", again, size)
