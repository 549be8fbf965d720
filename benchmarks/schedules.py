"""What schedules cost: a look at rest with few and with many of them, and how late ten thousand fire in one minute."""

from __future__ import annotations

import datetime as dt
import statistics
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from benchmarks.figures import Figures, percentile, timed
from config.lib import clock
from config.lib.ids import uuid7
from triggers import schedules
from triggers.models import Event, Schedule, Trigger

FEW, MANY, DUE = 10_000, 100_000, 10_000
FAR = dt.datetime(2099, 1, 1, tzinfo=dt.UTC)
YEARLY = "0 0 1 1 *"
WAIT_SECONDS = 120


def at_rest(like: Trigger, *, looks: int = 50) -> Figures:
    """What a tick's look at the schedules takes while nothing is due."""
    few, many = (_looks(like, count=count, looks=looks) for count in (FEW, MANY))
    return {
        f"{FEW:,} schedules, p50 (ms)": few,
        f"{MANY:,} schedules, p50 (ms)": many,
        "many : few": many / few,
    }


def _looks(like: Trigger, *, count: int, looks: int) -> float:
    with _with(like, count=count):
        schedules.fire_due()
        return statistics.median(timed(schedules.fire_due) for _ in range(looks))


def lateness(like: Trigger) -> Figures:
    """From the slot to the recording of its event, fired by the running system among a hundred thousand others."""
    with _with(like, count=MANY) as ids:
        slot = clock.now().replace(microsecond=0)
        due = Schedule.objects.filter(pk__in=ids[:DUE])
        due.update(next_slot_at=slot, next_fire_at=slot)
        fired = Event.objects.filter(source=schedules.TYPE, occurred_at=slot)
        until = time.monotonic() + WAIT_SECONDS
        while fired.count() < DUE:
            if time.monotonic() > until:
                raise SystemExit("the schedules did not fire in time")
            time.sleep(0.1)
        late = [(one - slot).total_seconds() for one in fired.values_list("recorded_at", flat=True)]
    return {
        "p50 (s)": statistics.median(late),
        "p95 (s)": percentile(late, 95),
        "last (s)": max(late),
    }


@contextmanager
def _with(like: Trigger, *, count: int) -> Iterator[list[uuid.UUID]]:
    """So many schedules of the trigger's agent, with their moment far away; only the triggers are left in the end."""
    ids = [uuid7() for _ in range(count)]
    with transaction.atomic():
        Trigger.objects.bulk_create(
            (
                Trigger(
                    id=pk,
                    workspace=like.workspace,
                    agent=like.agent,
                    name=f"Clock {pk}",
                    trigger_type=schedules.TYPE,
                    config={"cron_expression": YEARLY},
                    topic=schedules.topic(pk),
                    max_executions_per_hour=None,
                )
                for pk in ids
            ),
            batch_size=2000,
        )
        Schedule.objects.bulk_create(
            (
                Schedule(
                    trigger_id=pk,
                    cron_expression=YEARLY,
                    timezone="UTC",
                    catch_up="latest",
                    next_slot_at=FAR,
                    next_fire_at=FAR,
                )
                for pk in ids
            ),
            batch_size=2000,
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE triggers_trigger, triggers_schedule")
    try:
        yield list(ids)
    finally:
        Schedule.objects.filter(pk__in=ids).delete()
