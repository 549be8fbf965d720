"""Ten thousand schedules due in the same minute fire within seconds, while one of them can be edited at once."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from config.lib import clock
from config.lib.ids import uuid7
from tests.faults import rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until
from triggers import blueprint, schedules
from triggers.models import Event, Schedule, Trigger

FULL = 10_000


@script.register("P19", small=300, full=FULL)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    config = {"cron_expression": "0 0 1 1 *"}
    edited = rows.listen(rows.agent("Is edited"), "year", trigger_type="cron", config=config)
    _many(size)
    ground.start_all()
    slot = clock.now().replace(microsecond=0)
    due = Schedule.objects.exclude(pk=edited.pk)
    due.update(next_slot_at=slot, next_fire_at=slot)
    edits = []
    for minute in range(20):
        before = time.perf_counter()
        blueprint.store(edited, {"cron_expression": f"{minute} 0 1 1 *"})
        edits.append((time.perf_counter() - before) * 1000)
    events = Event.objects.filter(source="cron")
    done = until(lambda: events.count() >= size, seconds=120)
    yield at_most("seconds until all had fired", done, 10)
    lateness = sorted((one.recorded_at - slot).total_seconds() for one in events)
    yield exactly("fires", len(lateness), size)
    yield at_most("lateness, p95, in seconds", lateness[int(len(lateness) * 0.95)], 5)
    most = 50 if size >= FULL else 1000  # the small size runs beside other tests
    yield at_most("an edit meanwhile, p95, in ms", sorted(edits)[int(len(edits) * 0.95)], most)
    ended = until(lambda: rows.all_ended(size), seconds=60 + size / 20)
    yield at_most("seconds until all had run", ended, 30 + size / 50)


def _many(size: int) -> None:
    """Once a year, so that nobody fires them but we."""
    who = rows.agent("Is due")
    ids = [uuid7() for _ in range(size)]
    Trigger.objects.bulk_create(
        Trigger(
            id=pk,
            workspace=who.workspace,
            agent=who,
            name=f"Due {pk}",
            trigger_type="cron",
            config={"cron_expression": "0 0 1 1 *"},
            topic=schedules.topic(pk),
            max_executions_per_hour=None,
        )
        for pk in ids
    )
    Schedule.objects.bulk_create(
        Schedule(trigger_id=pk, cron_expression="0 0 1 1 *", timezone="UTC", catch_up="latest")
        for pk in ids
    )
