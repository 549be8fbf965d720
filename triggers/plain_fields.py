"""Fields of a trigger that can be judged by themselves: each reader answers the value to store, or raises Fault."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from config.lib import json
from triggers.mapping import TRIGGER_EVENT

MAX_OBJECT_BYTES = 64 * 1024
_UNREADABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
LONGEST_SECONDS = 366 * 24 * 3600
MOST_AT_ONCE = 10_000
MOST_FAILURES = 10_000  # one after the other
MOST_PER_HOUR = 1_000_000

Reader = Callable[[Any], Any]


class Fault(ValueError):
    """What is wrong, as a sentence for a person."""


def name(value: Any) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not 0 < len(text) <= 255 or _UNREADABLE.search(text):
        raise Fault(
            "Give a name of 1 to 255 characters, without line breaks or control characters."
        )
    return text


def text(most: int) -> Reader:
    def read(value: Any) -> str:
        if not isinstance(value, str) or len(value) > most or "\x00" in value:
            raise Fault(f"Give a text of at most {most} characters.")
        return value

    return read


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Fault("Give true or false.")
    return value


def whole(least: int, most: int) -> Reader:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Fault(f"Give a whole number from {least} to {most}.")
        return value

    return read


def share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise Fault("Give a share from 0 to 1, such as 0.9.")
    return float(value)


def optional(read: Reader) -> Reader:
    """null stands for no limit."""
    return lambda value: None if value is None else read(value)


def json_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Fault("Give an object.")
    try:
        size = len(json.dumps(value))
    except TypeError:
        raise Fault("This cannot be written as JSON.") from None
    if size > MAX_OBJECT_BYTES:
        raise Fault(f"An object holds at most {MAX_OBJECT_BYTES // 1024} KiB.")
    cleaned: dict[str, Any] = json.sanitise(value)
    return cleaned


def inputs(value: Any) -> dict[str, Any]:
    given = json_object(value)
    if TRIGGER_EVENT in given:
        raise Fault(f"The name {TRIGGER_EVENT} is taken: every run has it.")
    return given


READERS: dict[str, Reader] = {
    "name": name,
    "description": text(5000),
    "enabled": flag,
    "default_inputs": inputs,
    "max_concurrent": optional(whole(1, MOST_AT_ONCE)),
    "cooldown_seconds": whole(0, LONGEST_SECONDS),
    "ignore_cooldown": flag,
    "allow_reentry": flag,
    "fail_open": flag,
    "max_age_seconds": optional(whole(1, LONGEST_SECONDS)),
    "max_executions_per_hour": optional(whole(1, MOST_PER_HOUR)),
    "failure_threshold": whole(1, MOST_FAILURES),
    "examples_pass_rate": share,
}
