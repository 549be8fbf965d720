"""When two JSON values are the same, and which one is greater: the rules that operators share.

- *Same*: numbers by value (1 and 1.0), a number and a text that spells it (payloads of forms are all
  text), everything else by type and value. So "5" and 5 are the same, "5" and "5.0" are two texts,
  true is not 1, and "won" is not "Won".
- *Order*: two numbers, or texts that spell numbers ("15000", " 15000.5 ", not "15,000"); else two ISO
  dates or times (a date is its midnight, no zone is UTC). Anything else raises Incomparable.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Any

MAX_TEXT = 10_000  # what text operators look at of a long value
MAX_LIST = 1000

_NUMBER = re.compile(
    r"\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?\s*", re.ASCII
)
_TIME = re.compile(
    r"\s*[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.,]{5,18}(?:Z|[+-][0-9:]{2,6})?)?\s*", re.ASCII
)
_LONGEST = 64  # of a text that spells a number or a time

Number = int | float
Limit = Number | dt.datetime


class Incomparable(Exception):
    """The two values do not compare; the message says why, for the trace."""


def same(one: Any, other: Any) -> bool:
    """Equality by the rules above; never raises."""
    if isinstance(one, str) and isinstance(other, str):
        return one == other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    left, right = number(one), number(other)
    if left is not None and right is not None:
        return left == right
    return type(one) is type(other) and bool(one == other)


def number(value: Any) -> Number | None:
    """The finite number that `value` is or spells, else None. Booleans are not numbers."""
    if type(value) is int:
        return value
    if type(value) is float:
        return value if math.isfinite(value) else None
    if not isinstance(value, str) or len(value) > _LONGEST or not _NUMBER.fullmatch(value):
        return None
    try:
        return int(value)
    except ValueError:
        spelled = float(value)
        return spelled if math.isfinite(spelled) else None


def moment(value: Any) -> dt.datetime | None:
    """The time that an ISO 8601 text names, aware, else None."""
    if not isinstance(value, str) or len(value) > _LONGEST or not _TIME.fullmatch(value):
        return None
    try:
        at = dt.datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return at.replace(tzinfo=dt.UTC) if at.tzinfo is None else at


def limit(expected: Any) -> Limit:
    """What a configured value means to the operators that order; ask `limit_problem` first."""
    as_number = number(expected)
    meant = moment(expected) if as_number is None else as_number
    if meant is None:
        raise Incomparable(f"{describe(expected)} is neither a number nor a date.")
    return meant


def limit_problem(expected: Any) -> str | None:
    if number(expected) is None and moment(expected) is None:
        return "The value must be a number, or a date or time such as 2026-11-03 or 2026-11-03T09:30:00Z."
    return None


def difference(actual: Any, limit: Limit) -> int:
    """-1, 0 or 1 as `actual` is less than, equal to or greater than a `limit`; raises Incomparable."""
    if isinstance(limit, dt.datetime):
        at = moment(actual)
        if at is None:
            raise Incomparable(f"{describe(actual)} is not a date or time.")
        return (at > limit) - (at < limit)
    value = actual if type(actual) is int else number(actual)
    if value is None:
        raise Incomparable(f"{describe(actual)} is not a number.")
    return (value > limit) - (value < limit)


def holds(actual: Any, expected: Any) -> bool:
    """Whether a text holds another, or a list an element; the case of letters does not matter.

    Raises Incomparable for anything else: the keys of an object are not asked.
    """
    if isinstance(actual, list):
        wanted = expected.casefold() if isinstance(expected, str) else None
        return any(
            same(item, expected)
            or (wanted is not None and isinstance(item, str) and item.casefold() == wanted)
            for item in actual
        )
    if not isinstance(actual, str):
        raise Incomparable(f"{describe(actual)} is neither text nor a list.")
    if isinstance(expected, bool):
        raise Incomparable(f"{describe(actual)} is text.")
    return str(expected).casefold() in text(actual).casefold()


def element_problem(expected: Any) -> str | None:
    """What `holds` can look for: an empty text would be in every text."""
    if isinstance(expected, (bool, int, float)) or (isinstance(expected, str) and expected):
        return None
    return "The value must be text that is not empty, a number, true or false."


def text(actual: Any) -> str:
    """`actual` where it is text, cut to MAX_TEXT characters; raises Incomparable."""
    if not isinstance(actual, str):
        raise Incomparable(f"{describe(actual)} is not text.")
    return actual[:MAX_TEXT]


def text_problem(expected: Any) -> str | None:
    return (
        None
        if isinstance(expected, str) and expected
        else "The value must be text that is not empty."
    )


def list_problem(expected: Any) -> str | None:
    if isinstance(expected, list) and 0 < len(expected) <= MAX_LIST:
        return None
    return f"The value must be a list of 1 to {MAX_LIST} values."


def describe(value: Any) -> str:
    """A value in a sentence: short, and by its kind where it is long."""
    if isinstance(value, dict):
        return "An object"
    if isinstance(value, list):
        return "A list"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 40 else f'"{value[:39]}…"'
    return str(value)
