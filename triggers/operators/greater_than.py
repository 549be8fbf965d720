"""`greater_than`: a greater number or a later time."""

from __future__ import annotations

from typing import Any

from triggers.comparing import Limit, difference, limit, limit_problem
from triggers.operators import Operator, Value, register


def test(actual: Any, expected: Limit) -> bool:
    return difference(actual, expected) > 0


register(
    Operator(
        "greater_than", "is greater than", test,
        value=Value.NUMBER, short="gt", check=limit_problem, prepare=limit,
    )
)  # fmt: skip
