"""A long queue does not slow down what comes in, and nobody's memory grows with it.

A hundred thousand runs wait for a place; webhooks are answered as quickly as with none. Memory is that of each process
with its children (RSS), at its highest from the flood to the end, beside what it was with a few waiting.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterator

from executions.models import Execution
from tests.faults import hooks, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until
from tests.faults.watch import Watch

PER_SECOND = 40
SENT = {False: 80, True: 800}
LARGE = 10_000
KINDS = ("agents", "alone", "beat", "listener", "web", "worker")
FEW = {False: 500, True: 2_000}  # that wait already: whole batches have passed through each process
REST_SECONDS = {False: 2.0, True: 15.0}  # over which memory with few is taken
SETTINGS = {**hooks.NO_LIMITS, "QUEUE_LIMIT": "10000000"}


@script.register("P13", small=2_000, full=100_000, settings=SETTINGS)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    is_full = size >= LARGE
    waits = rows.agent("Waits", max_executions_per_minute=1)
    rows.listen(waits, "flood")
    trigger = hooks.listen(rows.agent("Works"))
    to = hooks.address(trigger, ground.url)
    processes = ground.start(*KINDS)
    until(lambda: hooks.send(to).status == 202, seconds=60)
    _sent(to, SENT[is_full] // 4)  # connections, caches
    empty = _sent(to, SENT[is_full])
    with Watch(processes, ground.address_of("DATABASE_URL"), every=0.2) as watch:
        _flood(waits.pk, FEW[is_full])
        time.sleep(REST_SECONDS[is_full])
        few = time.monotonic()
        filled = _flood(waits.pk, size)
        yield at_most("seconds until the queue is full", filled, 60 + size / 200)
        long = _sent(to, SENT[is_full])
    # At the small size the tests of another process share the machine.
    yield at_most(
        "p95 of an answer beside the queue, times that without", long / empty, 2 if is_full else 6
    )
    most = watch.most(since=few, stretch=REST_SECONDS[is_full])
    yield exactly("kinds of processes that were watched", tuple(most), KINDS)
    for kind, times in most.items():
        yield at_most(f"most memory of {kind}, times that before", times, 1.1 if is_full else 1.3)
    ended = until(lambda: not _unfinished(trigger.agent_id), seconds=60)
    yield at_most("seconds until the webhooks have run", ended, 60)
    yield exactly("runs of webhooks that failed", rows.statuses(trigger=trigger)["failed"], 0)


def _flood(agent_id: uuid.UUID, count: int) -> float | None:
    """Seconds until so many more of this agent's runs wait; a few may start meanwhile."""
    queued = Execution.objects.filter(agent=agent_id, status="queued")
    there = queued.count()
    rows.happen_at_once("flood", count)
    wanted = there + count - 5
    return until(lambda: queued.count() >= wanted, seconds=120 + count / 200, every=0.3)


def _sent(to: str, count: int) -> float:
    stream = hooks.Stream(to, per_second=PER_SECOND, senders=4)
    until(lambda: len(stream.answers) >= count, seconds=60 + count)
    return hooks.p95(stream.stop())


def _unfinished(agent_id: uuid.UUID) -> bool:
    return Execution.objects.filter(agent=agent_id, status__in=("queued", "running")).exists()
