from __future__ import annotations

import datetime as dt
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest

from tests.triggers import wall_clocks
from triggers import cron

NOON = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
WEEK = dt.timedelta(days=2)


@pytest.mark.parametrize(
    ("expression", "zone", "following", "words"),
    [
        ("*/5 * * * *", "UTC", "2026-11-21T12:05", "Every fifth minute of every hour"),
        (
            "0 9 * * mon-fri",
            "Europe/Berlin",
            "2026-11-23T08:00",
            "At 09:00 on Monday through Friday",
        ),
        ("@daily", "UTC", "2026-11-22T00:00", "At 00:00 every day"),
        (" @Hourly ", "UTC", "2026-11-21T13:00", "At the start of every hour"),
        ("@weekly", "UTC", "2026-11-22T00:00", "At 00:00 on Sunday"),
        ("0 0 L * *", "UTC", "2026-11-30T00:00", "At 00:00 on the last day of every month"),
        ("0 0 LW * *", "UTC", "2026-11-30T00:00", "At 00:00 on the last weekday of every month"),
        ("0 0 * * 1#2", "UTC", "2026-12-14T00:00", "At 00:00 on the second Monday of the month"),
        ("0 0 * * 5L", "UTC", "2026-11-27T00:00", "At 00:00 on the last Friday of the month"),
        ("0 0 29 2 *", "UTC", "2028-02-29T00:00", "At 00:00 on February 29"),
        ("0 0 * * SUN-0/3", "UTC", "2026-11-22T00:00", "At 00:00 on Sunday"),
        ("0 0 * * 7", "UTC", "2026-11-22T00:00", "At 00:00 on Sunday"),
    ],
)
def test_it_says_when_and_in_words(expression: str, zone: str, following: str, words: str) -> None:
    schedule = cron.read(expression, zone)
    assert cron.following(schedule, NOON) == dt.datetime.fromisoformat(f"{following}:00+00:00")
    assert cron.explain(schedule) == words


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("0 0 30 2 *", "it would never fire"),
        ("0 0 31 4,6 *", "it would never fire"),
        ("0 0 30-31 2 *", "it would never fire"),
        ("* * * * * *", "six fields"),
        ("* * * *", "it has 4 fields"),
        ("", "it has 0 fields"),
        ("60 * * * *", "'60' is not a minute (0 to 59)"),
        ("* 24 * * *", "'24' is not a hour"),
        ("* * 0 * *", "'0' is not a day of the month"),
        ("* * * 13 *", "'13' is not a month"),
        ("* * * FOO *", "'FOO' is not a month"),
        ("* * * * 8", "'8' is not a day of the week"),
        ("5-1 * * * *", "'5-1' is not a minute"),
        ("*/0 * * * *", "'*/0' is not a minute"),
        ("-1 * * * *", "'-1' is not a minute"),
        ("1.5 * * * *", "'1.5' is not a minute"),
        ("1,,2 * * * *", "'1,,2' is not a minute"),
        ("1#2/3 * * * *", "'1#2/3' is not a minute"),
        ("0 0 * * 1#2/3", "'1#2/3' is not a day of the week"),
        ("0 0 * * 1#6", "'1#6' is not a day of the week"),
        ("٣ * * * *", "'٣' is not a minute"),
        ("@reboot", "the short forms are @yearly"),
        ("@every 5m", "the short forms are"),
        ("0 0 * * *" + " " * 200, "longer than 200"),
    ],
)
def test_what_cannot_be_read_says_why(expression: str, reason: str) -> None:
    with pytest.raises(cron.InvalidCron) as error:
        cron.read(expression, "UTC")
    assert str(error.value).startswith(f"Invalid cron expression '{expression[:200]}': ")
    assert reason in error.value.reason


@pytest.mark.parametrize(
    "zone",
    ["", "Mars/Olympus", "../etc/passwd", "europe/berlin", "UTC+1", "localtime", "Factory", "\0"],
)
def test_a_zone_is_one_of_the_list(zone: str) -> None:
    with pytest.raises(cron.UnknownZone):
        cron.read("* * * * *", zone)


@pytest.mark.parametrize(
    ("expression", "minutes"),
    [
        ("* * * * *", 1),
        ("*/7 * * * *", 4),
        ("0,59 0,23 * * *", 1),
        ("0 9 * * *", 1440),
        ("0 0 29 2 *", 4 * 365 * 1440 + 1440),
    ],
)
def test_the_shortest_distance(expression: str, minutes: int) -> None:
    assert cron.shortest_minutes(cron.read(expression, "UTC")) == minutes


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("30 2 * * *", "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-30T00:30"]),
        ("0,30 2 * * *", "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-30T00:00"]),
        ("30 2 * * *", "2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-26T01:30"]),
        ("30 2 * * *", "2026-10-25T01:00", ["2026-10-26T01:30"]),
        ("30 * * * *", "2026-10-24T23:45", ["2026-10-25T00:30", "2026-10-25T01:30"]),
        ("*/30 2 * * *", "2026-03-28T12:00", ["2026-03-30T00:00"]),
    ],
    ids=["left out", "both left out", "twice", "second time", "hourly", "wildcard left out"],
)
def test_where_clocks_change(expression: str, after: str, expected: list[str]) -> None:
    fires = cron.fires(
        cron.read(expression, "Europe/Berlin"), dt.datetime.fromisoformat(f"{after}:00+00:00")
    )
    assert [f"{next(fires):%Y-%m-%dT%H:%M}" for _ in expected] == expected


@pytest.mark.parametrize(
    "zone",
    [
        "Europe/Berlin",  # an hour
        "Australia/Lord_Howe",  # half an hour
        "Antarctica/Troll",  # two hours
        "Africa/Casablanca",  # back and forth around Ramadan
        "Africa/Cairo",  # at midnight
        "America/Havana",  # at midnight, and back at one
        "Asia/Kathmandu",  # never, and a quarter of an hour beside the rest
    ],
)
def test_it_agrees_with_every_wall_time_around_changes(zone: str) -> None:
    year = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
    for change in wall_clocks.changes(ZoneInfo(zone), *year) or [NOON]:
        start, end = change - WEEK, change + WEEK
        for expression, told in wall_clocks.CRONS.items():
            found = list(
                takewhile(
                    lambda moment, end=end: moment <= end,  # type: ignore[misc]
                    cron.fires(cron.read(expression, zone), start),
                )
            )
            expected = wall_clocks.moments(told, ZoneInfo(zone), start, end)
            assert found == expected, (expression, change)
