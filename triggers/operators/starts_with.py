"""`starts_with`: text that starts with this text; the case of letters does not matter."""

from __future__ import annotations

from typing import Any

from triggers.comparing import text, text_problem
from triggers.operators import Operator, Value, register


def test(actual: Any, expected: str) -> bool:
    return text(actual).casefold().startswith(expected)


register(
    Operator(
        "starts_with",
        "starts with",
        test,
        value=Value.TEXT,
        check=text_problem,
        prepare=str.casefold,
    )
)
