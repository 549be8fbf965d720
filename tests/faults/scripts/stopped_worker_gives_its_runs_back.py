"""Graceful stops lose no event and no run, and burn no attempt.

Processes of every kind are stopped in turn, each when its successor works (the web server before, for they share a
port), while long runs are in flight and events come steadily: signed webhooks, messages of a queue, events of programs.
Long runs that a stop breaks off go back to the queue, after a grace of 25 s; of 2 s where `size`, the number of stops,
is small.
"""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from collections.abc import Iterator

from executions.models import Execution
from tests.faults import hooks, link, peer, rows, script
from tests.faults.ground import Ground
from tests.faults.processes import Process
from tests.faults.script import Figure, at_least, at_most, exactly, until, worst
from triggers.models import Event

LARGE = 50
KINDS = ("agents", "worker", "web", "alone", "listener", "beat")
LONG, SHORT = 10, 10
PER_SECOND = 5  # webhooks
GRACE_SECONDS = {False: 2, True: 25}
SETTINGS = {**script.QUICK, **hooks.NO_LIMITS}
QUEUE = "orders"


@script.register("P7", small=6, full=50, settings=SETTINGS)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    grace = GRACE_SECONDS[size >= LARGE]
    with peer.running() as other, link.to(ground.address_of("REDIS_URL")) as (_, queue):
        hold = other.step("/hold", timeout_seconds=120)  # more than a round of stops takes
        rows.listen(rows.agent("Is slow", hold), "slow")
        quick = rows.agent("Is quick", other.step("/work?ms=200"))
        rows.listen(quick, "quick")
        config = {"queue_type": "redis", "connection_url": queue, "queue_name": QUEUE}
        ordered = rows.listen(quick, "orders", trigger_type="message_queue", config=config)
        to = hooks.address(hooks.listen(quick), ground.url)
        stops = _Stops(ground, grace)
        until(lambda: hooks.send(to).status == 202)
        stream = hooks.Stream(to, per_second=PER_SECOND)
        rows.happen("slow", LONG)
        for number in range(size):
            rows.happen("quick", SHORT)
            with ground.redis() as client:
                client.rpush(QUEUE, *([b'{"order": 17}'] * SHORT))
            stops.replace(KINDS[number % len(KINDS)])
        answers = stream.stop()
        other.released.set()
        came = Event.objects.filter(topic=ordered.topic)
        arrived = until(lambda: came.count() >= SHORT * size)
        total = Event.objects.count()
        ended = until(lambda: rows.all_ended(total))
        yield from stops.figures()
        yield exactly("other answers to webhooks", {one.status for one in answers} - TAKEN, set())
        accepted = [uuid.UUID(one.event_id) for one in answers if one.status == 202]
        rows.accepted.extend(accepted)
        there = Event.objects.filter(pk__in=accepted).count()
        yield at_least("webhooks that were accepted", len(accepted), PER_SECOND * size)
        yield exactly("of them not there", len(accepted) - there, 0)
        yield at_most("seconds until all messages were events", arrived, 30)
        yield exactly("events of messages", came.count(), SHORT * size)
        yield at_most("seconds until all have ended", ended, 30)
        yield exactly("what became of all", dict(rows.statuses()), {"completed": total})
        again = Execution.objects.filter(attempt__gt=1).count()
        yield exactly("runs with a second attempt", again, 0)
        yield exactly("runs that lost a worker", Execution.objects.filter(losses__gt=0).count(), 0)


TAKEN = {202, 503, 0}  # accepted, put off, or nobody was there: the sender comes again


class _Stops:
    """One process of each kind, and what was seen when it was replaced."""

    def __init__(self, ground: Ground, grace: int) -> None:
        self._ground, self._grace = ground, grace
        self._settings = {"GRACE_SECONDS": str(grace)}
        self._took: dict[str, list[float | None]] = defaultdict(list)
        self._given: list[int] = []  # back, at each stop of an agents process
        self._kept = 0
        self._count = 0
        self._processes = {kind: self._begin(kind) for kind in KINDS}
        for process in self._processes.values():
            self._wait_for(process)

    def replace(self, kind: str) -> None:
        old = self._processes[kind]
        if kind == "agents":
            until(lambda: len(_long_runs(old)) == LONG, seconds=30)
        if kind != "web":
            self._processes[kind] = self._start(kind)
        held = _long_runs(old)
        old.stop()
        gone = until(lambda: not old.is_alive(), seconds=self._grace + 60)
        self._took[kind].append(gone)
        self._count += gone is not None
        self._kept += len(_long_runs(old))
        if kind == "agents":
            self._given.append(len(held) - len(_long_runs(old)))
        if kind == "web":
            self._processes[kind] = self._start(kind)

    def figures(self) -> Iterator[Figure]:
        for kind, waits in self._took.items():
            grace, name = 0, f"seconds that a stop takes, {kind}"
            if kind == "agents":
                grace, name = self._grace, f"{name}, with a grace of {self._grace}"
            yield at_most(name, worst(waits), grace + 13)
        yield exactly(
            "processes that were stopped", self._count, sum(map(len, self._took.values()))
        )
        yield at_least("runs given back, each time", min(self._given), LONG)
        yield exactly("runs that those who had gone still held", self._kept, 0)

    def _start(self, kind: str) -> Process:
        process = self._begin(kind)
        self._wait_for(process)
        return process

    def _begin(self, kind: str) -> Process:
        return self._ground.start(kind, through=self._settings)[0]

    def _wait_for(self, process: Process) -> None:
        """Until it works."""
        until(lambda: self._ground.is_ready(process))


def _long_runs(of: Process) -> set[uuid.UUID]:
    running = Execution.objects.filter(agent_name="Is slow", status="running", worker=of.name)
    return set(running.values_list("pk", flat=True))
