"""Asking one operator as conditions do: the configured value is checked, prepared and tested."""

from __future__ import annotations

from typing import Any

from triggers import operators
from triggers.comparing import Incomparable

INCOMPARABLE = "incomparable"


def ask(name: str, actual: Any, expected: Any = None) -> bool | str:
    """True, False or INCOMPARABLE."""
    operator = operators.find(name)
    assert operator.check(expected) is None
    try:
        return operator.test(actual, operator.prepare(expected))
    except Incomparable:
        return INCOMPARABLE


def fault(name: str, expected: Any) -> str | None:
    return operators.find(name).check(expected)
