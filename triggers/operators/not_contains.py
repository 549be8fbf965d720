"""`not_contains`: the opposite of `contains`; what can hold nothing (a number, null) stays unknown."""

from __future__ import annotations

from typing import Any

from triggers.comparing import element_problem, holds
from triggers.operators import Operator, register


def test(actual: Any, expected: Any) -> bool:
    return not holds(actual, expected)


register(Operator("not_contains", "does not contain", test, check=element_problem))
