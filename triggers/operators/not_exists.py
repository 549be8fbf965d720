"""`not_exists`: the field is missing or null."""

from __future__ import annotations

from typing import Any

from config.lib.paths import MISSING
from triggers.operators import Looks, Operator, Value, register


def test(actual: Any, expected: Any) -> bool:
    return actual is MISSING or actual is None


register(Operator("not_exists", "has no value", test, value=Value.NONE, looks=Looks.PRESENCE))
