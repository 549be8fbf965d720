"""`changed`: the event says that the field changed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.triggers.operators.asking import ask
from triggers.operators import Change


@pytest.mark.parametrize(
    ("actual", "expected", "met"),
    [
        pytest.param(Change("Lead", "Won"), None, True, id="changed"),
        pytest.param(Change(None, None), None, True, id="said-so"),
        pytest.param(None, None, False, id="did-not-change"),
    ],
)
def test_changed(actual: Any, expected: Any, met: bool | str) -> None:
    assert ask("changed", actual, expected) == met
