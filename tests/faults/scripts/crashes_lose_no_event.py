"""No accepted event is lost by a crash of anything, and none is run twice.

Agents processes are killed in the middle of runs, dispatching workers while events wait, PostgreSQL crashes once, and
one process hangs for three leases and wakes up again. Whoever is killed has said before that it works.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

from executions.models import Execution, TriggerGate
from tests.faults import peer, rows, script
from tests.faults.ground import Ground
from tests.faults.processes import Process
from tests.faults.script import Figure, at_least, at_most, exactly, until
from triggers.models import Event, EventState

LARGE = 1_000
FAULTS = {
    False: {"agents": 2, "worker": 1, "database": 1, "hang": 1},
    True: {"agents": 25, "worker": 2, "database": 1, "hang": 1},
}
HANG_SECONDS = 9.0  # three leases


@script.register("P1", small=200, full=10_000, settings=script.QUICK)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    counts = FAULTS[size >= LARGE]
    faults = [name for name, count in counts.items() for _ in range(count)]
    chance.shuffle(faults)
    each = -(-size // len(faults))
    with peer.running() as other:
        asks = rows.listen(rows.agent("Asks", other.step("/work?ms=20"), rows.NOTIFY), "came")
        notes = rows.listen(rows.agent("Notes"), "came")
        ground.start("alone", "beat", revived=True)
        workers = ground.start("worker", revived=True)
        agents = ground.start("agents", "agents", revived=True)
        breaks = _Breaks(ground, workers, agents, chance)
        for fault in faults:
            breaks.wait_for(workers + agents)
            rows.happen_at_once("came", each)
            breaks.happen(fault)
        breaks.go_on()
        total = each * len(faults)
        done = until(lambda: rows.all_ended(2 * total), seconds=120 + size / 10, every=0.3)
        killed = counts["agents"] + counts["worker"]
        yield exactly("faults that met nobody at work", breaks.missed, [])
        yield exactly("processes that were killed", ground.deaths, killed)
        lost = Execution.objects.filter(losses__gt=0).count()
        yield at_least("runs whose process was killed", lost, counts["agents"])
        yield at_most("seconds from the last fault to the last end", done, 60 + size / 20)
        yield exactly("what became of all", dict(rows.statuses()), {"completed": 2 * total})
        ended = TriggerGate.objects.filter(pk__in=(asks.pk, notes.pk))
        counted = sum(ended.values_list("total_executions", flat=True))
        yield exactly("ends that were counted", counted, 2 * total)
        yield exactly("events", Event.objects.count(), total)


class _Breaks:
    """`missed`: faults that came while none of those meant was in the middle of it."""

    def __init__(
        self,
        ground: Ground,
        workers: list[Process],
        agents: list[Process],
        chance: random.Random,
    ) -> None:
        self.missed: list[str] = []
        self._ground, self._chance = ground, chance
        self._workers, self._agents = workers, agents
        self._sleeper: Process | None = None
        self._waking: threading.Timer | None = None

    def happen(self, fault: str) -> None:
        found: list[Process] = []

        def look() -> bool:
            found[:] = self._meant(fault)
            return bool(found)

        if until(look, every=0.005) is None:
            self.missed.append(fault)
            return
        victim = self._chance.choice(found)
        if fault == "database":
            self._ground.restart_database()
        elif fault == "hang":
            self._put_to_sleep(victim)
        else:
            victim.kill()
            until(lambda: not victim.is_alive())

    def wait_for(self, processes: list[Process]) -> None:
        """Until all of them work again, but the one that hangs."""
        awake = [one for one in processes if one is not self._sleeper]
        until(lambda: all(map(self._ground.is_ready, awake)))

    def go_on(self) -> None:
        if self._waking is not None:
            self._waking.join()

    def _meant(self, fault: str) -> list[Process]:
        """Those who work, and are in the middle of it."""
        if fault == "worker":
            is_needed = Event.objects.filter(state=EventState.NEW).exists()
            return [one for one in self._workers if is_needed and self._ground.is_ready(one)]
        holders = rows.holders()
        return [one for one in self._agents if one.name in holders and self._ground.is_ready(one)]

    def _put_to_sleep(self, victim: Process) -> None:
        self._sleeper = victim
        victim.hang()
        self._waking = threading.Timer(HANG_SECONDS, self._wake)
        self._waking.start()

    def _wake(self) -> None:
        if self._sleeper is not None:
            self._sleeper.go_on()
            self._sleeper = None
