"""`less_than`: a smaller number or an earlier time."""

from __future__ import annotations

from typing import Any

from triggers.comparing import Limit, difference, limit, limit_problem
from triggers.operators import Operator, Value, register


def test(actual: Any, expected: Limit) -> bool:
    return difference(actual, expected) < 0


register(
    Operator(
        "less_than", "is less than", test,
        value=Value.NUMBER, short="lt", check=limit_problem, prepare=limit,
    )
)  # fmt: skip
