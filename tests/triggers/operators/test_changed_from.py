"""`changed_from`: the value before."""

from __future__ import annotations

from typing import Any

import pytest

from tests.triggers.operators.asking import ask
from triggers.operators import Change


@pytest.mark.parametrize(
    ("actual", "expected", "met"),
    [
        pytest.param(Change("Lead", "Won"), "Lead", True, id="from-it"),
        pytest.param(Change("Won", "Lead"), "Lead", False, id="to-it"),
        pytest.param(Change(None, "a"), None, True, id="from-nothing"),
        pytest.param(Change(5, 6), "5", True, id="spelled"),
        pytest.param(None, "Lead", False, id="did-not-change"),
    ],
)
def test_changed_from(actual: Any, expected: Any, met: bool | str) -> None:
    assert ask("changed_from", actual, expected) == met
