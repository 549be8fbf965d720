from __future__ import annotations

import datetime as dt
import uuid

import pytest

from triggers import catching_up, cron
from triggers.catching_up import Policy

HOURLY = cron.read("0 * * * *", "UTC")
MINUTELY = cron.read("* * * * *", "UTC")
SLOT = dt.datetime(2026, 3, 1, 10, tzinfo=dt.UTC)


def policy(catch_up: str) -> Policy:
    minute, hour = dt.timedelta(minutes=1), dt.timedelta(hours=1)
    return Policy(catch_up, on_time=minute, window=hour, most=100)


@pytest.mark.parametrize(
    ("catch_up", "minutes_late", "fired", "missed"),
    [
        ("latest", 0, [0], 0),
        ("latest", 0.9, [0], 0),
        ("none", 0.9, [0], 0),
        ("none", 1.1, [], 1),
        ("latest", 59, [0], 0),
        ("latest", 140, [2], 2),
        ("all", 140, [0, 1, 2], 0),
        ("none", 140, [], 3),
        ("none", 120.5, [2], 2),
    ],
)
def test_an_hourly_schedule_that_is_late(
    catch_up: str, minutes_late: float, fired: list[int], missed: int
) -> None:
    now = SLOT + dt.timedelta(minutes=minutes_late)
    plan = catching_up.plan(HOURLY, policy(catch_up), slot=SLOT, now=now, ends_at=None)
    assert plan.slots == tuple(SLOT + dt.timedelta(hours=hour) for hour in fired)
    assert plan.missed == missed
    assert plan.next_slot is not None
    assert now < plan.next_slot <= now + dt.timedelta(hours=1)


def test_a_fire_that_is_older_than_the_window_is_missed() -> None:
    daily = cron.read("0 10 * * *", "UTC")
    now = SLOT + dt.timedelta(hours=3)
    plan = catching_up.plan(daily, policy("latest"), slot=SLOT, now=now, ends_at=None)
    assert (plan.slots, plan.missed) == ((), 1)
    assert plan.next_slot == SLOT + dt.timedelta(days=1)


def test_all_is_capped() -> None:
    now = SLOT + dt.timedelta(minutes=499)
    plan = catching_up.plan(MINUTELY, policy("all"), slot=SLOT, now=now, ends_at=None)
    assert (len(plan.slots), plan.missed, plan.slots[-1]) == (100, 400, now)


def test_years_of_standstill_are_not_counted_one_by_one() -> None:
    now = SLOT + dt.timedelta(days=3 * 365)
    plan = catching_up.plan(MINUTELY, policy("latest"), slot=SLOT, now=now, ends_at=None)
    assert plan.slots == (now,)
    assert catching_up.COUNTED < plan.missed < 3 * catching_up.COUNTED


def test_it_comes_to_its_end() -> None:
    end = SLOT + dt.timedelta(minutes=90)
    now = SLOT + dt.timedelta(hours=5)
    plan = catching_up.plan(HOURLY, policy("all"), slot=SLOT, now=now, ends_at=end)
    assert plan.slots == (SLOT, SLOT + dt.timedelta(hours=1))
    assert plan.next_slot is None


def test_jitter_is_the_same_wherever_it_is_reckoned_and_spreads() -> None:
    ids = [uuid.UUID(int=number) for number in range(1000)]
    delays = [catching_up.jitter(pk, SLOT, 60).total_seconds() for pk in ids]
    assert delays == [catching_up.jitter(pk, SLOT, 60).total_seconds() for pk in ids]
    assert (min(delays), max(delays)) == (0, 60)
    assert catching_up.jitter(ids[0], SLOT, 0) == dt.timedelta()
