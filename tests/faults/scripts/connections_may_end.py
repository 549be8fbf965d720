"""PostgreSQL may end every connection in the middle of everything: nothing is lost and nothing stays behind."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.faults import peer, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_least, at_most, exactly, until

CUTS = 4


@script.register(small=40, full=4_000, settings=script.QUICK)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    with peer.running() as other:
        rows.listen(rows.agent("Asks", other.step("/work?ms=100"), rows.NOTIFY), "asked")
        rows.listen(
            rows.agent("Pays", other.step("/work?ms=90", method="POST"), rows.NOTIFY), "asked"
        )
        ground.start_all()
        ended = 0
        for _ in range(CUTS):
            rows.happen("asked", size // CUTS)
            until(lambda: other.under_way > 0, seconds=30)
            ended += ground.terminate_connections()
        total = 2 * (size // CUTS * CUTS)
        done = until(lambda: rows.all_ended(total), seconds=90 + size / 20)
        yield at_least("connections that were ended", ended, CUTS)
        yield at_most("seconds from the last cut to the last end", done, 60 + size / 50)
        yield exactly("payments that were sent", other.calls["/work?ms=90"], total // 2)
        yield exactly("what became of all", dict(rows.statuses()), {"completed": total})
