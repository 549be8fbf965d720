"""`in`: one of the values of a list, by the rules of `triggers.comparing`."""

from __future__ import annotations

from typing import Any

from triggers.comparing import list_problem, same
from triggers.operators import Looks, Operator, Value, register


def test(actual: Any, expected: list[Any]) -> bool:
    return any(same(actual, one) for one in expected)


register(
    Operator("in", "is one of", test, value=Value.LIST, looks=Looks.EQUALITY, check=list_problem)
)
