"""Cron: any text is refused with its reason or explained; what was put together field by field fires when it says."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzzing.bounds import bounded
from triggers import cron

NOON = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
PIECES = [
    *("*", "/", "-", ",", "#", "L", "LW", "W", "?", "@daily", "@", "0", "5", "29", "30", "31", "59", "60", "99999999"),
    *("MON", "sun", "JAN", "dec", "FOO", " ", "  ", "\t", "\n", "\x00", "é", "٣", "+1", "-1", "1.5", "0x1", "%", "H"),
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=14).map("".join) | st.text(max_size=30)
fields = st.lists(
    st.lists(st.sampled_from([one for one in PIECES if one.strip()]), min_size=1, max_size=4).map("".join),
    min_size=5,
    max_size=5,
).map(" ".join)  # fmt: skip
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


@dataclass(frozen=True)
class Said:
    """A field, and the values that it stands for."""

    text: str
    values: frozenset[int]


def _field(low: int, high: int, names: list[str] | None = None) -> st.SearchStrategy[Said]:
    """Numbers, names, ranges, steps and lists of them."""

    def name(value: int) -> str:
        return (names or [])[value - low] if names and value - low < len(names) else str(value)

    numbers = st.integers(low, high)
    one = numbers.map(lambda value: Said(name(value), frozenset({value})))
    ranges = st.tuples(numbers, numbers, st.integers(1, 7)).map(
        lambda found: Said(
            f"{min(found[:2])}-{max(found[:2])}/{found[2]}",
            frozenset(range(min(found[:2]), max(found[:2]) + 1, found[2])),
        )
    )
    stars = st.integers(1, 7).map(
        lambda step: Said(f"*/{step}" if step > 1 else "*", frozenset(range(low, high + 1, step)))
    )
    lists = st.lists(one | ranges, min_size=1, max_size=3).map(
        lambda parts: Said(
            ",".join(part.text for part in parts),
            frozenset().union(*(part.values for part in parts)),
        )
    )
    return stars | lists


@bounded(500)
@given(texts | fields)
def test_any_text_is_refused_with_its_reason_or_explained(text: str) -> None:
    try:
        schedule = cron.read(text, "Europe/Berlin")
    except cron.InvalidCron as error:
        assert error.reason
        assert "\n" not in error.reason
        return
    assert cron.explain(schedule)
    assert cron.shortest_minutes(schedule) != 0
    found = list(islice(cron.fires(schedule, NOON), 3))
    assert found
    assert all(one > NOON for one in found)
    assert found == sorted(set(found))


@bounded(60)
@given(
    _field(0, 59),
    _field(0, 23),
    _field(1, 31),
    _field(1, 12, MONTHS),
    _field(0, 6, DAYS),
    st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2032, 1, 1)),
)
def test_it_fires_when_its_fields_say(
    minute: Said, hour: Said, day: Said, month: Said, weekday: Said, start: dt.datetime
) -> None:
    start = start.replace(tzinfo=dt.UTC)
    text = " ".join(one.text for one in (minute, hour, day, month, weekday))
    try:
        schedule = cron.read(text, "UTC")
    except cron.InvalidCron as error:
        assert "never fire" in error.reason
        return
    found = cron.following(schedule, start)
    both = day.text.startswith("*") or weekday.text.startswith("*")
    expected = None
    for ahead in range(366 * 41):
        date = start.date() + dt.timedelta(days=ahead)
        fits = (date.day in day.values, date.isoweekday() % 7 in weekday.values)
        if date.month not in month.values or not (all(fits) if both else any(fits)):
            continue
        moments = (
            dt.datetime(date.year, date.month, date.day, at, past, tzinfo=dt.UTC)
            for at in sorted(hour.values)
            for past in sorted(minute.values)
        )
        expected = next((one for one in moments if one > start), None)
        if expected:
            break
    assert found == expected
