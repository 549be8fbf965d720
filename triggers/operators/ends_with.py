"""`ends_with`: text that ends with this text; the case of letters does not matter."""

from __future__ import annotations

from typing import Any

from triggers.comparing import text, text_problem
from triggers.operators import Operator, Value, register


def test(actual: Any, expected: str) -> bool:
    return text(actual).casefold().endswith(expected)


register(
    Operator(
        "ends_with",
        "ends with",
        test,
        value=Value.TEXT,
        check=text_problem,
        prepare=str.casefold,
    )
)
