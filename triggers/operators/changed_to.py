"""`changed_to`: the field changed, and this is its value now."""

from __future__ import annotations

from typing import Any

from triggers.comparing import same
from triggers.operators import Change, Looks, Operator, register


def test(actual: Change | None, expected: Any) -> bool:
    return actual is not None and same(actual.new, expected)


register(Operator("changed_to", "has changed to", test, looks=Looks.CHANGE))
