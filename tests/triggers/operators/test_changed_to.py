"""`changed_to`: the value now."""

from __future__ import annotations

from typing import Any

import pytest

from tests.triggers.operators.asking import ask
from triggers.operators import Change


@pytest.mark.parametrize(
    ("actual", "expected", "met"),
    [
        pytest.param(Change("Lead", "Won"), "Won", True, id="to-it"),
        pytest.param(Change("Won", "Lead"), "Won", False, id="from-it"),
        pytest.param(Change("a", None), None, True, id="to-nothing"),
        pytest.param(Change(5, 6), "6", True, id="spelled"),
        pytest.param(None, "Won", False, id="did-not-change"),
    ],
)
def test_changed_to(actual: Any, expected: Any, met: bool | str) -> None:
    assert ask("changed_to", actual, expected) == met
