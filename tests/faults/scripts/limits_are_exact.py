"""Concurrency, the daily limit and the stop after failures are exact, however many processes claim.

Three agents, one for each limit, get their events mixed; four agents processes run them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from executions.models import Alert, AlertKind
from tests.faults import peer, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_least, at_most, exactly, until

AT_ONCE, FAILURES, PROCESSES = 3, 5, 4


@script.register("P11", small=40, full=200)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    a_day = size // 10
    with peer.running() as other:
        rows.listen(
            rows.agent("Few at once", other.step("/work?ms=50")), "few", max_concurrent=AT_ONCE
        )
        rows.listen(rows.agent("Few a day", max_executions_per_day=a_day), "daily")
        fails = rows.agent("Fails", other.step("/fail"))
        rows.listen(fails, "bad", max_concurrent=AT_ONCE, failure_threshold=FAILURES)
        ground.start_all(agents=PROCESSES)
        kinds = [kind for kind in ("few", "daily", "bad") for _ in range(size)]
        chance.shuffle(kinds)
        for kind in kinds:
            rows.happen(kind)
        done = until(lambda: rows.all_ended(3 * size), seconds=60 + size)
        yield at_most("seconds until the last end", done, 30 + size / 5)
        few = rows.statuses(agent_name="Few at once")
        yield exactly("runs of the agent with few at once", dict(few), {"completed": size})
        yield exactly("the most of them at once", other.peak_of("/work?ms=50"), AT_ONCE)
        daily = rows.statuses(agent_name="Few a day")
        asked = {"completed": a_day, "skipped: daily_limit": size - a_day}
        yield exactly("runs of the agent with few a day", dict(daily), asked)
        yield exactly("its alerts", Alert.objects.filter(kind=AlertKind.DAILY_LIMIT).count(), 1)
        bad = rows.statuses(agent_name="Fails")
        yield at_least("failures of the agent that fails", bad["failed"], FAILURES)
        yield at_most("failures of the agent that fails", bad["failed"], FAILURES + AT_ONCE - 1)
        yield exactly("its requests", other.calls["/fail"], bad["failed"])
        yield exactly("what was skipped", bad["skipped: trigger_error"], size - bad["failed"])
        yield exactly("its alerts", Alert.objects.filter(kind=AlertKind.TRIGGER_ERROR).count(), 1)
