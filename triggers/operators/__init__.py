"""The operators of conditions, one file each. A new one is a new file here and its test.

An operator is pure: `test(actual, expected)` answers True or False, or raises Incomparable where the
two values do not compare, which makes the leaf unknown. `expected` is what `prepare` made of the
configured value, once, when the conditions were parsed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from config.lib.registry import Registry, UnknownName, closest, load


class Value(StrEnum):
    """What an operator is configured with; editors choose their input by it."""

    NONE = "none"
    ANY = "any"
    TEXT = "text"
    NUMBER = "number"  # or an ISO date or time
    LIST = "list"


class Looks(StrEnum):
    """What `test` gets as its first argument, and when the leaf is unknown without asking it."""

    VALUE = "value"  # the field's value; unknown where missing or null
    EQUALITY = "equality"  # the field's value, null too; unknown where missing
    PRESENCE = "presence"  # the field's value, or MISSING: decides on absence itself
    CHANGE = "change"  # Change, or None where the field did not change; unknown without `changes`


class Change(NamedTuple):
    """One entry of a payload's `changes`."""

    old: Any
    new: Any


def _anything(value: Any) -> str | None:
    return None


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Operator:
    """`label` completes "field … value" in editors; `check(value)` is the fault of a configured value, or None."""

    name: str
    label: str
    test: Callable[[Any, Any], bool]
    value: Value = Value.ANY
    looks: Looks = Looks.VALUE
    short: str | None = None
    check: Callable[[Any], str | None] = _anything
    prepare: Callable[[Any], Any] = _as_it_is


registry: Registry[Operator] = Registry("operators")
_long_names: dict[str, str] = {}
_SYMBOLS = {
    "=": "equals", "==": "equals", "===": "equals", "is": "equals", "!=": "not_equals", "<>": "not_equals",
    ">": "greater_than", "<": "less_than", ">=": "greater_or_equal", "<=": "less_or_equal",
    "regex": "matches", "~": "matches", "is_null": "not_exists", "is_not_null": "exists",
}  # fmt: skip


def register(operator: Operator) -> Operator:
    """Called once by each file of this package."""
    registry.register(operator.name, operator)
    if operator.short:
        _long_names[operator.short] = operator.name
    return operator


def find(name: str) -> Operator:
    """By its name or its short form, in any case; raises UnknownName with the operator that was meant."""
    folded = name.strip().lower()
    try:
        return registry.get(_long_names.get(folded, folded))
    except UnknownName:
        meant = _SYMBOLS.get(folded) or closest(folded.replace(" ", "_"), registry)
        raise UnknownName(registry.title, name[:100], meant) from None


load(__name__)
