"""`exists`: the field is there and not null."""

from __future__ import annotations

from typing import Any

from config.lib.paths import MISSING
from triggers.operators import Looks, Operator, Value, register


def test(actual: Any, expected: Any) -> bool:
    return actual is not MISSING and actual is not None


register(Operator("exists", "has a value", test, value=Value.NONE, looks=Looks.PRESENCE))
