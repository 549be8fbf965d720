"""Reading the rendered params of a step: a variable may have put any type there, so each reader says what it takes.

All raise ActionFailed with the param's name, in words for the workspace owner.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.utils.dateparse import parse_date, parse_datetime

from agents.actions import ActionFailed

Params = Mapping[str, Any]


def text(params: Params, name: str, *, max_length: int = 20_000) -> str:
    """The text, without white space around it; numbers become text, what is missing is empty."""
    value = as_text(params.get(name), name=name).strip()
    if len(value) > max_length:
        raise ActionFailed(f"{name} has {len(value)} characters, and at most {max_length} fit.")
    return value


def required_text(params: Params, name: str, *, max_length: int = 20_000) -> str:
    value = text(params, name, max_length=max_length)
    if not value:
        raise ActionFailed(f"{name} is empty.")
    return value


def as_text(value: Any, *, name: str) -> str:
    """Any single value as a person would write it: null is empty, `true` and `12.5` are themselves."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ActionFailed(f"{name} is a text, not {kind_of(value)}.")


def number(params: Params, name: str, *, minimum: float, maximum: float) -> float | None:
    """The number, also where it is written as a text; None where it is missing or empty."""
    value = params.get(name)
    if value is None or value == "":
        return None
    try:
        found = float("" if isinstance(value, bool) else value)
    except (TypeError, ValueError, OverflowError):
        raise ActionFailed(f"{name} is a number, not {shown(value)}.") from None
    if not minimum <= found <= maximum:  # NaN is in no range
        raise ActionFailed(f"{name} is {found:g}, and must be from {minimum:g} to {maximum:g}.")
    return found


def moment(params: Params, name: str) -> dt.datetime | None:
    """A point in time; one without an offset is UTC, a date is its beginning. None where it is missing."""
    value = params.get(name)
    if value is None or value == "":
        return None
    found = parse_moment(value)
    if found is None:
        raise ActionFailed(
            f"{name} is a date or a time such as 2026-11-03T09:30:00Z, not {shown(value)}."
        )
    return found


def parse_moment(value: Any) -> dt.datetime | None:
    """None where it is neither a date nor a time in ISO 8601."""
    if not isinstance(value, str):
        return None
    try:
        found = parse_datetime(value.strip())
        if found is None:
            day = parse_date(value.strip())
            found = dt.datetime.combine(day, dt.time()) if day else None
        return (
            (found.astimezone(dt.UTC) if found.tzinfo else found.replace(tzinfo=dt.UTC))
            if found
            else None
        )
    except (ValueError, OverflowError):
        return None


def identifier(params: Params, name: str) -> uuid.UUID | None:
    """None where it is missing or empty."""
    value = params.get(name)
    if value is None or value == "":
        return None
    found = as_uuid(value)
    if found is None:
        raise ActionFailed(f"{name} is an id, not {shown(value)}.")
    return found


def as_uuid(value: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def mapping(params: Params, name: str) -> dict[str, Any]:
    """An object; empty where it is missing."""
    value = params.get(name)
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise ActionFailed(f"{name} is an object of names and values, not {kind_of(value)}.")
    return value


def flag(params: Params, name: str) -> bool:
    """True only where it says so; a text `true` counts, a variable may have put it there."""
    value = params.get(name)
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def shown(value: Any) -> str:
    """A value as a message quotes it."""
    return repr(value)[:80] if isinstance(value, str | int | float) else kind_of(value)


def kind_of(value: Any) -> str:
    kinds = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        type(None): "nothing",
    }
    return kinds.get(type(value), "a number")
