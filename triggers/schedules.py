"""Schedules follow their triggers, and fire when they are due.

`tick` calls `fire_due` every second: due rows are locked in batches (what another tick holds is left to it), each
slot becomes one event whose dedupe key names the slot, and the rows move on, all in one transaction. So a slot fires
once, whatever runs twice, and a schedule that nobody looked at for a while does what its `catch_up` says.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import transaction

from config.lib import clock, json, measures
from triggers import catching_up, cron, events, statements
from triggers.models import Schedule, Trigger, TriggerStatus

log = logging.getLogger(__name__)

TYPE = "cron"  # of the trigger, of its events and of their source


def topic(trigger_id: uuid.UUID) -> str:
    return f"{TYPE}:{trigger_id}"


# --- following ------------------------------------------------------------------------------------------


def follow(trigger: Trigger, *, afresh: bool = False) -> None:
    """Brings the schedule's row in line with its trigger, which was just written.

    The next fire is reckoned from now where the configuration says another time than before, where the trigger was
    switched on, or `afresh`; any other change leaves it alone. A trigger that is off has none: what would have come
    meanwhile is neither made up for nor missed.
    """
    if trigger.trigger_type != TYPE:
        Schedule.objects.filter(pk=trigger.pk).delete()
        return
    with transaction.atomic():
        row = Schedule.objects.select_for_update().filter(pk=trigger.pk).first()
        row = row or Schedule(trigger=trigger)
        wanted = _wanted(trigger.config)
        changed = any(getattr(row, name) != value for name, value in wanted.items())
        for name, value in {**wanted, "catch_up": trigger.config.get("catch_up", "latest")}.items():
            setattr(row, name, value)
        if not trigger.enabled:
            row.next_slot_at = row.next_fire_at = None
        elif changed or afresh or row.next_slot_at is None:
            arm(row, now=clock.now())
        row.save()
    trigger.schedule = row


def _wanted(config: dict[str, Any]) -> dict[str, Any]:
    zone = config.get("timezone", "UTC")
    return {
        "cron_expression": config["cron_expression"],
        "timezone": zone,
        "jitter_seconds": config.get("jitter_seconds", 0),
        "starts_at": moment_of(config.get("starts_at"), zone),
        "ends_at": moment_of(config.get("ends_at"), zone, is_end=True),
    }


def moment_of(given: Any, zone: str, *, is_end: bool = False) -> dt.datetime | None:
    """A day or a time of day, in the zone unless it says its own, in UTC. A day ends at its end. Raises ValueError."""
    if not given:
        return None
    told = dt.datetime.fromisoformat(given)
    if is_end and len(given) <= len("2026-11-21"):
        told = told.replace(hour=23, minute=59, second=59)
    if told.tzinfo is None:
        told = told.replace(tzinfo=cron.zone_of(zone))
    return told.astimezone(dt.UTC)


def arm(row: Schedule, *, now: dt.datetime) -> None:
    """Sets the next fire after `now`; does not save."""
    schedule = cron.read(row.cron_expression, row.timezone)
    after = now
    if row.starts_at and row.starts_at > now:
        after = row.starts_at - dt.timedelta(microseconds=1)
    slot = cron.following(schedule, after)
    if slot is not None and row.ends_at is not None and slot > row.ends_at:
        slot = None
    row.next_slot_at = slot
    row.next_fire_at = slot and _fire_at(row.pk, slot, row.jitter_seconds)


# --- firing ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Due:
    """A locked row of `sql/lock_due_schedules.sql`."""

    trigger_id: uuid.UUID
    workspace_id: uuid.UUID
    status: str
    cron_expression: str
    timezone: str
    catch_up: str
    jitter_seconds: int
    ends_at: dt.datetime | None
    next_slot_at: dt.datetime
    missed: int


@dataclass(slots=True)
class _Batch:
    """What one transaction writes."""

    now: dt.datetime
    drafts: list[events.Draft] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    broken: dict[uuid.UUID, str] = field(default_factory=dict)
    late: list[float] = field(default_factory=list)  # seconds
    missed: int = 0


TellBroken = Callable[[Trigger, str], None]


def fire_due(*, now: dt.datetime | None = None, tell_broken: TellBroken | None = None) -> int:
    """Fires what is due, batch by batch, until nothing is; answers how many events were made.

    `tell_broken(trigger, message)` hears of each schedule that cannot go on.
    """
    fired = 0
    while (
        TYPE not in settings.TRIGGERS_OFF
    ):  # what comes meanwhile is caught up with as each trigger says
        taken, made = _fire_batch(now=now, tell_broken=tell_broken)
        fired += made
        if taken < settings.CRON_BATCH:
            break
    return fired


def _fire_batch(
    *, now: dt.datetime | None, tell_broken: TellBroken | None = None
) -> tuple[int, int]:
    """Four statements and one per 500 events. Answers how many schedules it took and how many events it made."""
    with transaction.atomic():
        batch = _Batch(now or clock.now())
        due = statements.run("lock_due_schedules", {"now": batch.now, "limit": settings.CRON_BATCH})
        found = [_Due(*row) for row in due]
        for row in found:
            _look_at(row, batch)
        events.emit_many(batch.drafts)
        if batch.rows:
            statements.run(
                "move_schedules", {"now": batch.now, "rows": json.dumps(batch.rows).decode()}
            )
    for seconds in batch.late:
        measures.LATENESS.observe(seconds)
    if batch.missed:
        measures.MISSED.add(amount=batch.missed)
    for trigger_id, message in batch.broken.items():  # apart: an edit locks trigger, then schedule
        if Trigger.objects.fail(trigger_id, message=message) and tell_broken:
            tell_broken(Trigger.objects.get(pk=trigger_id), message)
    return len(found), len(batch.drafts)


def _look_at(row: _Due, batch: _Batch) -> None:
    """A trigger that is off only loses its place; one that cannot be read any more says so and stops."""
    if row.status != TriggerStatus.ACTIVE:
        batch.rows.append(_moved(row, None, missed=row.missed))
        return
    try:
        schedule = cron.read(row.cron_expression, row.timezone)
    except (cron.InvalidCron, cron.UnknownZone) as error:  # a zone that was taken out of the list
        log.warning("a schedule cannot be read", extra={"trigger": str(row.trigger_id)})
        batch.broken[row.trigger_id] = str(error)
        batch.rows.append(_moved(row, None, missed=row.missed))
        return
    plan = catching_up.plan(
        schedule,
        _policy(row),
        slot=row.next_slot_at,
        now=batch.now,
        ends_at=row.ends_at,
        delay=catching_up.jitter(row.trigger_id, row.next_slot_at, row.jitter_seconds),
    )
    told = row.missed + plan.missed
    batch.missed += plan.missed
    if plan.slots:
        fire_at = _fire_at(row.trigger_id, row.next_slot_at, row.jitter_seconds)
        batch.late.append((batch.now - fire_at).total_seconds())
    for number, slot in enumerate(plan.slots):
        batch.drafts.append(_draft(row, schedule, slot, batch.now, missed=0 if number else told))
    batch.rows.append(
        _moved(row, plan.next_slot, missed=0 if plan.slots else told)
        | {
            "last_slot_at": plan.slots[-1] if plan.slots else None,
            "before_last": told,
            "newly_missed": plan.missed,
        }
    )


def _policy(row: _Due) -> catching_up.Policy:
    return catching_up.Policy(
        row.catch_up,
        on_time=dt.timedelta(seconds=settings.CRON_ON_TIME_SECONDS),
        window=dt.timedelta(seconds=settings.CRON_CATCH_UP_SECONDS),
        most=settings.CRON_CATCH_UP_MOST,
    )


def _moved(row: _Due, slot: dt.datetime | None, *, missed: int) -> dict[str, Any]:
    return {
        "trigger_id": row.trigger_id,
        "next_slot_at": slot,
        "next_fire_at": slot and _fire_at(row.trigger_id, slot, row.jitter_seconds),
        "last_slot_at": None,
        "before_last": 0,
        "missed": missed,
        "newly_missed": 0,
    }


def _fire_at(trigger_id: uuid.UUID, slot: dt.datetime, jitter_seconds: int) -> dt.datetime:
    return slot + catching_up.jitter(trigger_id, slot, jitter_seconds)


def _draft(
    row: _Due, schedule: cron.Schedule, slot: dt.datetime, now: dt.datetime, *, missed: int
) -> events.Draft:
    return events.Draft(
        TYPE,
        row.workspace_id,
        payload(row.cron_expression, schedule.zone, slot=slot, now=now, missed=missed),
        topic=topic(row.trigger_id),
        dedupe_key=f"{row.trigger_id}:{json.timestamp(slot)}",
        actor="system",
        occurred_at=slot,
    )


def payload(
    expression: str, zone: str, *, slot: dt.datetime, now: dt.datetime, missed: int
) -> dict[str, Any]:
    """What conditions and agents see. `schedule` is the slot by the clock of its zone."""
    local = slot.astimezone(cron.zone_of(zone))
    return {
        "execution_time": json.timestamp(now),
        "scheduled_for": json.timestamp(slot),
        "source": TYPE,
        "cron_expression": expression,
        "timezone": zone,
        "missed": missed,
        "schedule": {
            "local_time": local.isoformat(),
            "date": local.date().isoformat(),
            "time": f"{local:%H:%M}",
            "year": local.year,
            "month": local.month,
            "day": local.day,
            "hour": local.hour,
            "minute": local.minute,
            "weekday": local.isoweekday(),
            "weekday_name": f"{local:%A}",
        },
    }
