"""An oracle for schedules: every wall time of a span is held against an expression, and asked of zoneinfo.

It shares nothing with `triggers.cron`: expressions come as sets of minutes, hours and a rule for days, and moments are
found by reading the clock on both sides of a change.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

Day = Callable[[dt.date], bool]


@dataclass(frozen=True)
class Told:
    """What an expression means, written down by hand. `fixed`: it names its hours and minutes."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    day: Day
    fixed: bool


def _any(day: dt.date) -> bool:
    return True


def _last(day: dt.date) -> bool:
    return day.day == calendar.monthrange(day.year, day.month)[1]


ALL_HOURS = tuple(range(24))
ALL_MINUTES = tuple(range(60))
CRONS: dict[str, Told] = {
    "* * * * *": Told(ALL_MINUTES, ALL_HOURS, _any, fixed=False),
    "*/5 * * * *": Told(tuple(range(0, 60, 5)), ALL_HOURS, _any, fixed=False),
    "*/7 * * * *": Told(tuple(range(0, 60, 7)), ALL_HOURS, _any, fixed=False),
    "0 * * * *": Told((0,), ALL_HOURS, _any, fixed=False),
    "30 * * * *": Told((30,), ALL_HOURS, _any, fixed=False),
    "15,45 */2 * * *": Told((15, 45), tuple(range(0, 24, 2)), _any, fixed=False),
    "* 3 * * *": Told(ALL_MINUTES, (3,), _any, fixed=False),
    "*/20 2 * * *": Told((0, 20, 40), (2,), _any, fixed=False),
    "*/10 0-3 * * *": Told(tuple(range(0, 60, 10)), (0, 1, 2, 3), _any, fixed=False),
    "0 0 * * *": Told((0,), (0,), _any, fixed=True),
    "30 0 * * *": Told((30,), (0,), _any, fixed=True),
    "30 1 * * *": Told((30,), (1,), _any, fixed=True),
    "15 2 * * *": Told((15,), (2,), _any, fixed=True),
    "0,30 2 * * *": Told((0, 30), (2,), _any, fixed=True),
    "0 0-4 * * *": Told((0,), (0, 1, 2, 3, 4), _any, fixed=True),
    "59 23 * * *": Told((59,), (23,), _any, fixed=True),
    "0 9 * * MON-FRI": Told((0,), (9,), lambda day: day.isoweekday() <= 5, fixed=True),
    "30 2 * * SUN": Told((30,), (2,), lambda day: day.isoweekday() == 7, fixed=True),
    "0 12 1,15 * *": Told((0,), (12,), lambda day: day.day in {1, 15}, fixed=True),
    "45 1 L * *": Told((45,), (1,), _last, fixed=True),
    "30 2 * * SUN#2": Told(
        (30,), (2,), lambda day: day.isoweekday() == 7 and 8 <= day.day <= 14, fixed=True
    ),
}


def moments(told: Told, zone: ZoneInfo, start: dt.datetime, end: dt.datetime) -> list[dt.datetime]:
    """Every fire later than `start` and up to `end`, in UTC."""
    found: set[dt.datetime] = set()
    day = start.date() - dt.timedelta(days=2)
    while day <= end.date() + dt.timedelta(days=2):
        if told.day(day):
            for hour in told.hours:
                for minute in told.minutes:
                    wall = dt.datetime(day.year, day.month, day.day, hour, minute)
                    found.update(_of_wall(wall, zone, fixed=told.fixed))
        day += dt.timedelta(days=1)
    return sorted(one for one in found if start < one <= end)


def _of_wall(wall: dt.datetime, zone: ZoneInfo, *, fixed: bool) -> list[dt.datetime]:
    """The moments at which clocks show this: none, one or two; what is left out and fixed comes at the change."""
    first = wall.replace(tzinfo=zone, fold=0).astimezone(dt.UTC)
    second = wall.replace(tzinfo=zone, fold=1).astimezone(dt.UTC)
    real = [one for one in (first, second) if one.astimezone(zone).replace(tzinfo=None) == wall]
    if not real:
        return [_change(wall, zone)] if fixed else []
    return real[:1] if fixed else sorted(set(real))


def _change(wall: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """The moment at which clocks go on past this wall time: the first minute whose wall time is later."""
    moment = wall.replace(tzinfo=dt.UTC) - dt.timedelta(hours=38)
    step = dt.timedelta(minutes=30)
    while (moment + step).astimezone(zone).replace(tzinfo=None) <= wall:
        moment += step
    while moment.astimezone(zone).replace(tzinfo=None) <= wall:
        moment += dt.timedelta(minutes=1)
    return moment


def history(
    zone: ZoneInfo, start: dt.datetime, end: dt.datetime
) -> tuple[tuple[dt.datetime, dt.timedelta], ...]:
    """What clocks did in a span, to half an hour: zones with the same have the same schedules.

    No zone changes its clock there and back within six hours, so that is how far it looks ahead.
    """
    seen = [(start, _offset(zone, start))]
    moment = start
    while moment <= end:
        later = moment + dt.timedelta(hours=6)
        if _offset(zone, later) != seen[-1][1]:
            while _offset(zone, moment) == seen[-1][1]:
                moment += dt.timedelta(minutes=30)
            seen.append((moment, _offset(zone, moment)))
        moment = later
    return tuple(one for one in seen if one[0] <= end)


def _offset(zone: ZoneInfo, moment: dt.datetime) -> dt.timedelta:
    return moment.astimezone(zone).utcoffset() or dt.timedelta()


DENSE = frozenset(
    {"* * * * *", "*/5 * * * *", "*/7 * * * *", "* 3 * * *"}
)  # too many to hold every one of years against


def changes(zone: ZoneInfo, start: dt.datetime, end: dt.datetime) -> list[dt.datetime]:
    """Where the clock was changed, to half an hour."""
    return [one for one, _ in history(zone, start, end)[1:]]
