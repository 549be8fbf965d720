"""When a cron expression fires, in a time zone, as moments in UTC. Pure: no tables, no clock.

Five fields as in Debian's cron, read by cronsim: names, ranges, steps, `L`, `LW`, `#`, and `@daily` with its kin.
What happens where clocks change:

- A schedule for certain hours and minutes (neither field begins with `*`) fires once a day per wall time: one that the
  clock leaves out fires at the moment when the clock goes on, one that comes twice fires the first time.
- Any other follows the wall clock: what is left out does not fire, what comes twice fires twice.
"""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from cronsim import CronSim
from cronsim.cronsim import CronSimError, Field

MAX_LENGTH = 200
ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = (
    (Field.MINUTE, "minute", "0 to 59"),
    (Field.HOUR, "hour", "0 to 23"),
    (Field.DAY, "day of the month", "1 to 31, L for the last one, LW for the last weekday"),
    (Field.MONTH, "month", "1 to 12, or JAN to DEC"),
    (Field.DOW, "day of the week", "0 to 7 (0 and 7 are Sunday), SUN to SAT, 5L, 1#2"),
)
_UNREADABLE = (CronSimError, AssertionError, AttributeError, TypeError, ValueError)
_ANY_DAY = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - walls have no zone
_STEPS = re.compile(r"(\w+)-(\w+)/[0-9]+")
_DAYS = frozenset(map(str, range(1, 32)))
_LOOKS_AHEAD = dt.timedelta(days=9 * 366)  # two leap years
_LOOKS = 500  # fires that are looked at for the shortest distance
_SECOND = dt.timedelta(seconds=1)
_LOOK = dt.timedelta(hours=6)  # no zone changes its clock there and back within this


class InvalidCron(ValueError):
    """The expression cannot be used; the message is the one people see."""

    def __init__(self, expression: str, reason: str) -> None:
        self.reason = reason
        super().__init__(f"Invalid cron expression '{expression[:MAX_LENGTH]}': {reason}")


class UnknownZone(ValueError):
    """There is no such time zone."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """An expression in a zone, as `read` found them good; `fields` are the five that it stands for."""

    fields: str
    zone: str

    @property
    def is_fixed(self) -> bool:
        """Whether it names its hours and minutes."""
        minute, hour, *_ = self.fields.split()
        return not minute.startswith("*") and not hour.startswith("*")


@lru_cache(maxsize=10_000)
def read(expression: str, zone: str) -> Schedule:
    """Raises InvalidCron or UnknownZone, with the reason."""
    zone_of(zone)
    parts = _parts(expression)
    for part, (field, name, allowed) in zip(parts, _FIELDS, strict=True):
        if not _is_readable(field, part):
            raise InvalidCron(expression, f"{part!r} is not a {name} ({allowed}).")
    plain = (_plain(field, part) for part, (field, _, _) in zip(parts, _FIELDS, strict=True))
    schedule = Schedule(" ".join(plain), zone)
    if _next_wall(schedule.fields, _ANY_DAY) is None:
        raise InvalidCron(expression, "no month that it names has such a day: it would never fire.")
    return schedule


def _parts(expression: str) -> list[str]:
    fields = ALIASES.get(expression.strip().lower(), expression.strip())
    if len(expression) > MAX_LENGTH:
        raise InvalidCron(expression, f"it is longer than {MAX_LENGTH} characters.")
    if fields.startswith("@"):
        raise InvalidCron(expression, f"the short forms are {', '.join(ALIASES)}.")
    parts = fields.split()
    if len(parts) == len(_FIELDS) + 1:
        said = "it has six fields; schedules have no seconds. Leave the first one out."
        raise InvalidCron(expression, said)
    if len(parts) != len(_FIELDS):
        needed = ", ".join(name for _, name, _ in _FIELDS)
        raise InvalidCron(expression, f"it has {len(parts)} fields; five are needed: {needed}.")
    return parts


@lru_cache(maxsize=1000)
def zone_of(name: str) -> dt.tzinfo:
    """Raises UnknownZone."""
    try:
        if name not in _zones():
            raise KeyError(name)
        return dt.UTC if name == "UTC" else zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UnknownZone(
            f"Unknown time zone {name[:100]!r}; give an IANA name such as Europe/Berlin or UTC."
        ) from None


def zones() -> list[str]:
    """All names, in their order."""
    return sorted(_zones())


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    """Without those that name no place: what they say is a matter of each machine."""
    return frozenset(zoneinfo.available_timezones()) - {"localtime", "Factory"}


def _is_readable(field: Field, part: str) -> bool:
    try:
        found = field.parse(part.upper())
        CronSim(" ".join([*["*"] * (field - 1), part, *["*"] * (5 - field)]), _ANY_DAY)
    except _UNREADABLE:
        # A day that no month has says so later, in words of its own.
        return field == Field.DAY and part in _DAYS
    return bool(found)


def _plain(field: Field, part: str) -> str:
    """`3-3/2` is 3 alone, as in Debian's cron; cronsim takes it for `3/2`, from 3 to the end of the range."""
    return ",".join(
        found[1] if (found := _STEPS.fullmatch(term)) and _is_one(field, *found.groups()) else term
        for term in part.upper().split(",")
    )


def _is_one(field: Field, first: str, last: str) -> bool:
    return field.int(first) == field.int(last)


def explain(schedule: Schedule) -> str:
    """In words: `At 09:00 on Monday through Friday`."""
    return CronSim(schedule.fields, _ANY_DAY).explain()


@lru_cache(maxsize=10_000)
def shortest_minutes(schedule: Schedule) -> int | None:
    """The shortest distance between two fires by the wall clock; None where it fires once at most."""
    walls: list[dt.datetime] = []
    wall = _next_wall(schedule.fields, _ANY_DAY)
    while wall is not None and len(walls) < _LOOKS and wall < _ANY_DAY + _LOOKS_AHEAD:
        walls.append(wall)
        wall = _next_wall(schedule.fields, wall)
    gaps = [(later - wall).total_seconds() for wall, later in pairwise(walls)]
    return round(min(gaps) / 60) if gaps else None


@lru_cache(maxsize=100_000)
def following(schedule: Schedule, after: dt.datetime) -> dt.datetime | None:
    """The first fire later than `after`, in UTC; None where there is none within 50 years."""
    zone = zone_of(schedule.zone)
    if schedule.is_fixed:
        return _following_fixed(schedule.fields, zone, after)
    return _following_wall_clock(schedule.fields, zone, after)


def fires(schedule: Schedule, after: dt.datetime) -> Iterator[dt.datetime]:
    """All that come later than `after`, in their order."""
    moment: dt.datetime | None = after
    while moment := following(schedule, moment):
        yield moment


def _following_fixed(fields: str, zone: dt.tzinfo, after: dt.datetime) -> dt.datetime | None:
    wall = _next_wall(fields, _wall(after, zone))
    while wall is not None:
        moment = _first_moment(wall, zone)
        if moment > after:  # not so for a wall time that comes a second time
            return moment
        wall = _next_wall(fields, wall)
    return None


def _first_moment(wall: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """When clocks show it first; where they leave it out, when they go on."""
    moment = wall.replace(tzinfo=zone).astimezone(dt.UTC)
    if _wall(moment, zone) == wall:
        return moment
    # The offset from before the change was used, which leads past the change by less than the clock leaves out.
    return max(
        one
        for year in (moment.year - 1, moment.year)
        for one in _changes(zone, year)
        if one <= moment
    )


def _following_wall_clock(fields: str, zone: dt.tzinfo, after: dt.datetime) -> dt.datetime | None:
    """Between two changes of the clock the offset is one: there the wall clock only goes on."""
    start = after
    while True:
        here = _wall(start, zone)
        wall = _next_wall(fields, here)
        if wall is None:
            return None
        moment = start.replace(microsecond=0) + (wall - here.replace(microsecond=0))
        change = _change_after(zone, start)
        if moment < change:
            return moment
        first = _wall(change, zone)
        if _next_wall(fields, first - _SECOND) == first:
            return change
        start = change


def _wall(moment: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """What clocks show."""
    return moment.astimezone(zone).replace(tzinfo=None)


def _next_wall(fields: str, wall: dt.datetime) -> dt.datetime | None:
    """The next wall time after this one that the expression names; walls know no zone."""
    try:
        return next(_looking_from(fields, wall))
    except (StopIteration, OverflowError, CronSimError):
        return None
    except ValueError:  # past the year 9999
        return None


def _looking_from(fields: str, wall: dt.datetime) -> CronSim:
    """Reading an expression takes as long as finding its next fire: a copy shares what was read of it."""
    copied = CronSim.__new__(CronSim)
    copied.__dict__.update(_parsed(fields).__dict__, dt=wall.replace(microsecond=0))
    return copied


@lru_cache(maxsize=10_000)
def _parsed(fields: str) -> CronSim:
    return CronSim(fields, _ANY_DAY)


def _change_after(zone: dt.tzinfo, moment: dt.datetime) -> dt.datetime:
    """The next moment at which the zone's offset changes, this year or next; else one to look again from."""
    for year in (moment.year, moment.year + 1):
        changes = _changes(zone, year)
        place = bisect_right(changes, moment)
        if place < len(changes):
            return changes[place]
    return dt.datetime(min(moment.year + 2, 9999), 1, 1, tzinfo=dt.UTC)


@lru_cache(maxsize=5_000)
def _changes(zone: dt.tzinfo, year: int) -> list[dt.datetime]:
    """The moments of one year, in UTC, at which the offset is another than the second before."""
    found = []
    moment = dt.datetime(year, 1, 1, tzinfo=dt.UTC)
    end = dt.datetime(min(year + 1, 9999), 1, 1, tzinfo=dt.UTC)
    while moment < end:
        later = moment + _LOOK
        if moment.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            found.append(_between(zone, moment, later))
        moment = later
    return found


def _between(zone: dt.tzinfo, low: dt.datetime, high: dt.datetime) -> dt.datetime:
    before = low.astimezone(zone).utcoffset()
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high
