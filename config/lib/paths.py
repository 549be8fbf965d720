"""Dotted paths into JSON: `contact.custom.tier`, `items.0.name`, `headers.content-type`.

Looks into plain dicts and lists and nothing else: `__class__` is a key like any other, and a missing one.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

MAX_LENGTH = 200
_MAX_INDEX_DIGITS = 9


class Missing(Enum):
    """There is nothing at the path; null is a value, this is the lack of one."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
Parts = tuple[str, ...]


def split(path: str) -> Parts:
    """Raises ValueError with a sentence for a person; one parse serves any number of look-ups."""
    if not path.strip():
        raise ValueError("A path must not be empty.")
    if len(path) > MAX_LENGTH:
        raise ValueError(f"A path has at most {MAX_LENGTH} characters.")
    if not path.isprintable():
        raise ValueError("A path must not hold control characters.")
    parts = tuple(path.split("."))
    if not all(part and part == part.strip() for part in parts):
        raise ValueError("A path has a name between any two dots, without spaces around it.")
    return parts


def find(value: Any, parts: Parts) -> Any:
    """What stands at the path, or MISSING. A number is an index in a list, and a key in a dict."""
    for part in parts:
        if type(value) is dict or isinstance(
            value, dict
        ):  # the first is quicker, and nearly always true
            value = value.get(part, MISSING)
        elif isinstance(value, list) and is_index(part):
            index = int(part)
            value = value[index] if index < len(value) else MISSING
        else:
            return MISSING
    return value


def is_index(part: str) -> bool:
    return part.isascii() and part.isdigit() and len(part) <= _MAX_INDEX_DIGITS
