"""PostgreSQL may end every connection at any moment, also while processes start: nothing is lost, nobody stays behind.

`verify_invariants` comes after; here: no process ends of it, each gives signs of life again, and all that was to be
done is done.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

from executions import heartbeats
from tests.faults import peer, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_least, at_most, exactly, until
from triggers import leases

CUTS = 4
STARTING_SECONDS = 60  # at most
LONGEST_BURST_SECONDS = 0.5  # less than a lease: who cannot write for so long is taken for dead
LONGEST_PAUSE_SECONDS = 0.1
ROLES = {"scheduler", "tick", "dispatch", "execute", "alone"}


@script.register("P5", small=40, full=4_000, settings=script.QUICK)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    with peer.running() as other:
        rows.listen(rows.agent("Asks", other.step("/work?ms=100"), rows.NOTIFY), "asked")
        rows.listen(
            rows.agent("Pays", other.step("/work?ms=90", method="POST"), rows.NOTIFY), "asked"
        )
        ground.start_all(revived=True)
        ground.start("listener", revived=True)
        ended = _cut(ground, chance, _after(STARTING_SECONDS, or_when=_all_beat))
        for _ in range(CUTS):
            rows.happen("asked", size // CUTS)
            until(lambda: other.under_way > 0, seconds=30)
            ended += _cut(ground, chance, _after(chance.uniform(0, LONGEST_BURST_SECONDS)))
        total = 2 * (size // CUTS * CUTS)
        done = until(lambda: rows.all_ended(total), seconds=90 + size / 20)
        yield at_least("connections that were ended", ended, CUTS)
        yield at_most("seconds from the last cut to the last end", done, 60 + size / 50)
        yield exactly("payments that were sent", other.calls["/work?ms=90"], total // 2)
        yield exactly("what became of all", dict(rows.statuses()), {"completed": total})
        yield at_most("seconds until all were there", until(_all_are_there, seconds=30), 30)
        yield exactly("processes that ended", ground.deaths, 0)


def _cut(ground: Ground, chance: random.Random, is_over: Callable[[], bool]) -> int:
    """Ends all connections, and again those that were made since, until it is over; answers how many."""
    ended = ground.terminate_connections()
    while not is_over():
        time.sleep(chance.uniform(0, LONGEST_PAUSE_SECONDS))
        ended += ground.terminate_connections()
    return ended


def _after(seconds: float, *, or_when: Callable[[], bool] = lambda: False) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end or or_when()


def _all_beat() -> bool:
    """Redis knows of each: it has come as far as its work."""
    ages = heartbeats.ages()
    return ages.keys() >= ROLES and max(ages[role] for role in ROLES) < heartbeats.GONE_SECONDS


def _all_are_there() -> bool:
    silence = leases.overview([]).silence_seconds  # of the listener
    return _all_beat() and silence is not None and silence < heartbeats.GONE_SECONDS
