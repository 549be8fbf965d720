"""The one JSON form of each value; the rules are in the package's docstring."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import orjson

from config.lib.json.bounds import INTEGERS

OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
_EXACT_DIGITS = 15  # every decimal of so many digits survives the way through a double
_LARGEST_EXPONENT = 300  # of a double, with some room


def dumps(value: Any) -> bytes:
    """Compact JSON; raises TypeError for what has no JSON form. NaN and infinities become null.

    1e300 comes back from jsonb as a whole number of 301 digits: what is past 64 bits is written as the float it was.
    """
    try:
        return orjson.dumps(value, default=plain, option=OPTIONS)
    except TypeError as error:
        if "64-bit" not in str(error):
            raise
        return orjson.dumps(_as_floats(value), default=plain, option=OPTIONS)


def indented(value: Any) -> str:
    """For people to read and edit."""
    return orjson.dumps(value, default=plain, option=OPTIONS | orjson.OPT_INDENT_2).decode()


def _as_floats(value: Any) -> Any:
    """A copy in which whole numbers past 64 bits are floats; infinite where they are past those too."""
    if isinstance(value, dict):
        return {key: _as_floats(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_floats(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, int) or value in INTEGERS:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def plain(value: Any) -> Any:
    """The JSON form of what orjson does not know."""
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def timestamp(at: datetime) -> str:
    """UTC with microseconds, always: lossless, and it sorts as text."""
    aware = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return aware.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def number(value: Decimal) -> int | float | str | None:
    """The JSON number that is exactly `value`, else its text; None for NaN and infinities."""
    if not value.is_finite():
        return None
    if not value:
        return 0
    significant = "".join(map(str, value.as_tuple().digits)).strip("0")
    if len(significant) > _EXACT_DIGITS or abs(value.adjusted()) > _LARGEST_EXPONENT:
        return str(value)
    whole = value.adjusted() < _EXACT_DIGITS and value == int(value)
    return int(value) if whole else float(value)
