"""After three hours in which nothing ran, an hourly schedule makes up for what its policy says, and counts the rest."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Iterator

from config.lib import clock
from tests.faults import rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until
from triggers.models import Event, Schedule

ASKED = {"latest": (1, 2), "all": (3, 0), "none": (0, 3)}
AGO = dt.timedelta(minutes=20)  # of the last slot
HOUR = dt.timedelta(hours=1)


@script.register("P16", small=1, full=50)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    """`size`: schedules of each policy."""
    last = clock.now().replace(second=0, microsecond=0) - AGO
    triggers = {name: [_schedule(name, last, n) for n in range(size)] for name in ASKED}
    old = last - 2 * HOUR
    Schedule.objects.update(next_slot_at=old, next_fire_at=old)  # the last that anybody did
    for _ in range(2):
        ground.start_all()
    done = until(lambda: not Schedule.objects.filter(next_fire_at__lte=clock.now()).exists())
    yield at_most("seconds until all was made up for", done, 30)
    ended = until(lambda: rows.all_ended(4 * size))
    yield at_most("seconds until those runs ended", ended, 30 + size)
    for name, (fires, missed) in ASKED.items():
        topics = [f"cron:{pk}" for pk in triggers[name]]
        events = Event.objects.filter(topic__in=topics)
        seen = Schedule.objects.filter(pk__in=triggers[name])
        yield exactly(f"fires of {name}", events.count(), fires * size)
        totals = set(seen.values_list("missed_total", flat=True))
        yield exactly(f"missed of each, {name}", totals, {missed})


def _schedule(catch_up: str, last: dt.datetime, number: int) -> uuid.UUID:
    config = {"cron_expression": f"{last.minute} * * * *", "catch_up": catch_up}
    who = rows.agent(f"Is due {catch_up} {number}")
    return rows.listen(who, "hours", trigger_type="cron", config=config).pk
