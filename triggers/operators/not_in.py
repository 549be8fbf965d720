"""`not_in`: none of the values of a list."""

from __future__ import annotations

from typing import Any

from triggers.comparing import list_problem, same
from triggers.operators import Looks, Operator, Value, register


def test(actual: Any, expected: list[Any]) -> bool:
    return not any(same(actual, one) for one in expected)


register(
    Operator(
        "not_in", "is none of", test, value=Value.LIST, looks=Looks.EQUALITY, check=list_problem
    )
)
