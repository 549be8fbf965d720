"""A delivery that comes many times at once is one event and one run, and each sender is told the same id."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.faults import hooks, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until
from triggers.models import Event

DELIVERIES = 5


@script.register("P9", small=20, full=50, settings=hooks.NO_LIMITS)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    trigger = hooks.listen(rows.agent("Works"))
    to = hooks.address(trigger, ground.url)
    ground.start_all()
    ground.start("web")
    until(lambda: hooks.send(to).status == 202, seconds=60)
    before = Event.objects.count()
    statuses, ids = Counter[int](), []
    with ThreadPoolExecutor(size) as senders:
        for _ in range(DELIVERIES):
            send = partial(hooks.send, delivery=str(uuid.uuid4()))
            answers = list(senders.map(send, [to] * size))
            statuses.update(answer.status for answer in answers)
            ids.append(len({answer.event_id for answer in answers}))
    yield exactly("accepted first", statuses[202], DELIVERIES)
    yield exactly("told the first id", statuses[200], DELIVERIES * (size - 1))
    yield exactly("ids named by the answers to one delivery", set(ids), {1})
    yield exactly("events", Event.objects.count() - before, DELIVERIES)
    done = until(lambda: rows.all_ended(before + DELIVERIES), seconds=30)
    yield at_most("seconds until all have run", done, 30)
    yield exactly("runs", dict(rows.statuses()), {"completed": before + DELIVERIES})
