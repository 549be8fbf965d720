"""`changed`: the event says that this field changed."""

from __future__ import annotations

from typing import Any

from triggers.operators import Change, Looks, Operator, Value, register


def test(actual: Change | None, expected: Any) -> bool:
    return actual is not None


register(Operator("changed", "has changed", test, value=Value.NONE, looks=Looks.CHANGE))
