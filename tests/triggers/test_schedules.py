"""Schedules follow their triggers, and fire once per slot, whatever runs twice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import DjangoAssertNumQueries

from crm.models import Workspace
from executions import launch
from tests.stories import MakeAgent
from triggers import blueprint, schedules
from triggers.models import Event, Schedule, Trigger, TriggerStatus

MakeSchedule = Callable[..., Trigger]
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def schedule(make_agent: MakeAgent) -> MakeSchedule:
    """`schedule("0 * * * *", catch_up="all")`: an active trigger."""
    agent = make_agent("Clockwork")

    def make(expression: str = "0 * * * *", name: str = "Hourly", **config: Any) -> Trigger:
        trigger = Trigger(workspace=agent.workspace)
        fields = {
            "name": name,
            "agent_id": str(agent.pk),
            "trigger_type": "cron",
            "config": {"cron_expression": expression, **config},
        }
        blueprint.store(trigger, fields)
        return trigger

    return make


def row_of(trigger: Trigger) -> Schedule:
    return Schedule.objects.get(pk=trigger.pk)


def slot_of(trigger: Trigger) -> dt.datetime:
    slot = row_of(trigger).next_slot_at
    assert slot is not None
    return slot


def test_a_slot_becomes_one_event(acme: Workspace, schedule: MakeSchedule) -> None:
    trigger = schedule()
    slot = slot_of(trigger)
    now = slot + dt.timedelta(seconds=2)
    assert schedules.fire_due(now=slot - dt.timedelta(seconds=1)) == 0
    assert schedules.fire_due(now=now) == 1
    assert schedules.fire_due(now=now) == 0
    event = Event.objects.get()
    assert (event.workspace, event.type, event.topic) == (acme, "cron", f"cron:{trigger.pk}")
    assert event.occurred_at == slot
    assert (
        event.payload["scheduled_for"]
        == slot.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    )
    assert event.payload["schedule"]["hour"] == slot.hour
    assert event.payload["schedule"]["weekday"] == slot.isoweekday()
    row = row_of(trigger)
    assert (row.last_slot_at, row.lateness_ms) == (slot, 2000)
    assert row.next_fire_at == row.next_slot_at == slot + HOUR


def test_the_figures_do_not_move_the_configuration(schedule: MakeSchedule) -> None:
    trigger = schedule()
    before = Trigger.objects.get(pk=trigger.pk)
    schedules.fire_due(now=slot_of(trigger))
    after = Trigger.objects.get(pk=trigger.pk)
    assert (after.version, after.updated_at) == (before.version, before.updated_at)


@pytest.mark.parametrize(
    ("catch_up", "fired", "told", "missed", "total"),
    [
        ("latest", [2], [2], 0, 2),
        ("all", [0, 1, 2], [0, 0, 0], 0, 0),
        ("none", [], [], 3, 3),
    ],
)
def test_three_hours_of_standstill(
    schedule: MakeSchedule,
    catch_up: str,
    fired: list[int],
    told: list[int],
    missed: int,
    total: int,
) -> None:
    trigger = schedule(catch_up=catch_up)
    slot = slot_of(trigger)
    schedules.fire_due(now=slot + 2 * HOUR + dt.timedelta(minutes=20))
    events = Event.objects.order_by("id")
    assert [event.occurred_at for event in events] == [slot + number * HOUR for number in fired]
    assert [event.payload["missed"] for event in events] == told
    row = row_of(trigger)
    assert (row.missed, row.missed_total) == (missed, total)
    schedules.fire_due(now=slot + 3 * HOUR)
    newest = Event.objects.order_by("id").last()
    assert newest is not None
    assert newest.payload["missed"] == missed
    assert row_of(trigger).missed == 0


def test_a_pause_is_exact_and_made_up_for_by_nobody(schedule: MakeSchedule) -> None:
    trigger = schedule(catch_up="all")
    slot = slot_of(trigger)
    launch.disable(trigger)
    assert row_of(trigger).next_fire_at is None
    assert schedules.fire_due(now=slot + 5 * HOUR) == 0
    launch.resume(trigger)
    assert slot_of(trigger) == slot
    assert row_of(trigger).missed_total == 0
    assert schedules.fire_due(now=slot) == 1


def test_switching_on_what_is_on_changes_nothing(schedule: MakeSchedule) -> None:
    trigger = schedule()
    late = slot_of(trigger) - 3 * HOUR
    Schedule.objects.update(next_slot_at=late, next_fire_at=late)
    launch.resume(trigger)
    blueprint.store(trigger, {"name": "Another name"})
    assert slot_of(trigger) == late


def test_a_trigger_in_error_loses_its_place_until_it_is_resumed(schedule: MakeSchedule) -> None:
    trigger = schedule()
    slot = slot_of(trigger)
    Trigger.objects.fail(trigger.pk, message="five failures")
    assert schedules.fire_due(now=slot) == 0
    assert row_of(trigger).next_fire_at is None
    trigger.refresh_from_db()
    launch.resume(trigger)
    assert slot_of(trigger) == slot


def test_a_change_applies_at_once(schedule: MakeSchedule) -> None:
    trigger = schedule("0 0 1 1 *")
    blueprint.store(trigger, {"cron_expression": "* * * * *"})
    slot = slot_of(trigger)
    assert slot.second == 0
    assert row_of(trigger).cron_expression == "* * * * *"
    assert schedules.fire_due(now=slot) == 1


def test_another_type_or_a_deletion_takes_the_schedule_away(schedule: MakeSchedule) -> None:
    kept, gone = schedule(), schedule(name="Gone")
    gone.delete()
    blueprint.store(kept, {"trigger_type": "event", "config": {"event_type": "contact_created"}})
    assert not Schedule.objects.exists()


def test_it_begins_and_ends(schedule: MakeSchedule) -> None:
    trigger = schedule(starts_at="2099-05-01T08:00", ends_at="2099-05-01", timezone="Asia/Tokyo")
    first = slot_of(trigger)
    assert first == dt.datetime(2099, 4, 30, 23, tzinfo=dt.UTC)
    assert schedules.fire_due(now=first) == 1
    late = first + dt.timedelta(days=2)
    schedules.fire_due(now=late)
    assert row_of(trigger).next_fire_at is None
    assert row_of(trigger).missed_total == 15


def test_jitter_puts_a_fire_off_and_keeps_its_slot(schedule: MakeSchedule) -> None:
    trigger = schedule(jitter_seconds=600)
    row = row_of(trigger)
    assert row.next_slot_at is not None
    assert row.next_fire_at is not None
    assert row.next_slot_at <= row.next_fire_at <= row.next_slot_at + dt.timedelta(seconds=600)
    assert schedules.fire_due(now=row.next_fire_at) == 1
    assert Event.objects.get().occurred_at == row.next_slot_at
    assert row_of(trigger).next_slot_at == row.next_slot_at + HOUR


def test_a_zone_that_is_gone_stops_only_its_own_trigger(schedule: MakeSchedule) -> None:
    broken, sound = schedule(), schedule(name="Sound")
    Schedule.objects.filter(pk=broken.pk).update(timezone="Mars/Olympus")
    assert schedules.fire_due(now=slot_of(sound)) == 1
    broken.refresh_from_db()
    assert (broken.status, "Mars/Olympus" in broken.last_error) == (TriggerStatus.ERROR, True)


def test_many_cost_a_few_statements(
    schedule: MakeSchedule, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    slot = max(slot_of(schedule(name=f"Number {number}")) for number in range(50))
    with django_assert_max_num_queries(8):
        assert schedules.fire_due(now=slot) == 50


@pytest.mark.django_db(transaction=True)
def test_two_at_once_fire_each_slot_once(schedule: MakeSchedule) -> None:
    slot = max(slot_of(schedule("*/5 * * * *", name=f"Number {n}")) for n in range(30))

    def beat(now: dt.datetime) -> int:
        try:
            return schedules.fire_due(now=now)
        finally:
            connection.close()

    moments = [slot + dt.timedelta(minutes=5 * (number // 3)) for number in range(36)]
    with ThreadPoolExecutor(3) as pool:
        fired = sum(pool.map(beat, moments))
    fired += schedules.fire_due(now=moments[-1])
    assert Event.objects.count() == fired
    keys = set(Event.objects.values_list("dedupe_key", flat=True))
    assert len(keys) == Event.objects.count()


@pytest.mark.django_db(transaction=True)
def test_what_another_tick_holds_is_left_to_it(schedule: MakeSchedule) -> None:
    slot = slot_of(schedule())
    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        Schedule.objects.select_for_update().get()

        def beat() -> int:
            try:
                return schedules.fire_due(now=slot)
            finally:
                connection.close()

        assert pool.submit(beat).result(10) == 0
    assert schedules.fire_due(now=slot) == 1


def test_a_clock_that_jumps_fires_nothing_twice(schedule: MakeSchedule) -> None:
    slot = slot_of(schedule("*/5 * * * *"))
    ahead = slot + 2 * HOUR
    for now in (slot, ahead, slot, ahead - HOUR, ahead, slot - 2 * HOUR, ahead):
        schedules.fire_due(now=now)
    slots = list(Event.objects.order_by("id").values_list("occurred_at", flat=True))
    assert slots == [slot, ahead]
