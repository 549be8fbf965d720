"""`less_or_equal`: at most this number or this time."""

from __future__ import annotations

from typing import Any

from triggers.comparing import Limit, difference, limit, limit_problem
from triggers.operators import Operator, Value, register


def test(actual: Any, expected: Limit) -> bool:
    return difference(actual, expected) <= 0


register(
    Operator(
        "less_or_equal", "is at most", test,
        value=Value.NUMBER, short="lte", check=limit_problem, prepare=limit,
    )
)  # fmt: skip
