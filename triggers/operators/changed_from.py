"""`changed_from`: the field changed, and this was its value before."""

from __future__ import annotations

from typing import Any

from triggers.comparing import same
from triggers.operators import Change, Looks, Operator, register


def test(actual: Change | None, expected: Any) -> bool:
    return actual is not None and same(actual.old, expected)


register(Operator("changed_from", "has changed from", test, looks=Looks.CHANGE))
