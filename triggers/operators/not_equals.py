"""`not_equals`: another value than this one; null is another value, a missing field is unknown."""

from __future__ import annotations

from typing import Any

from triggers.comparing import same
from triggers.operators import Looks, Operator, register


def test(actual: Any, expected: Any) -> bool:
    return not same(actual, expected)


register(Operator("not_equals", "is not", test, looks=Looks.EQUALITY, short="ne"))
