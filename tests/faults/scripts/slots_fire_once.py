"""A slot fires once, whatever runs twice: three schedulers on a fast clock that do not agree on the time."""

from __future__ import annotations

import datetime as dt
import random
import threading
import time
from collections.abc import Iterator

from django.db import connection

from config.lib import clock
from tests.faults import rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, exactly
from triggers import schedules
from triggers.models import Event, Schedule

FASTER, SCHEDULERS, SKEW_SECONDS = 1200, 3, 90
EVERY = dt.timedelta(minutes=5)


@script.register("P15", small=24, full=288)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    about = {"trigger_type": "cron", "config": {"cron_expression": "*/5 * * * *"}}
    trigger = rows.listen(rows.agent("Is due"), "slots", **about)
    first = Schedule.objects.get(pk=trigger.pk).next_slot_at
    assert first is not None
    end = first + (size - 1) * EVERY
    began, since = clock.now(), time.monotonic()

    def tick(skew: float) -> None:
        now = began
        while now < end + EVERY / 2:
            passed = (time.monotonic() - since) * FASTER
            now = min(began + dt.timedelta(seconds=passed + skew), end + EVERY / 2)
            schedules.fire_due(now=now)
        connection.close()

    skews = [chance.uniform(-SKEW_SECONDS, SKEW_SECONDS) for _ in range(SCHEDULERS)]
    threads = [threading.Thread(target=tick, args=[skew]) for skew in skews]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = list(Event.objects.filter(topic=trigger.topic).values_list("occurred_at", flat=True))
    yield exactly("events", len(found), size)
    yield exactly("slots that have one", len(set(found)), size)
    missed = Schedule.objects.get(pk=trigger.pk).missed_total
    yield exactly("slots that were missed", missed, 0)
