"""`not_exists`: missing or null."""

from __future__ import annotations

from typing import Any

import pytest

from config.lib.paths import MISSING
from tests.triggers.operators.asking import ask


@pytest.mark.parametrize(
    ("actual", "expected", "met"),
    [
        pytest.param("Ann", None, False, id="text"),
        pytest.param("", None, False, id="empty-text"),
        pytest.param(0, None, False, id="zero"),
        pytest.param(False, None, False, id="false"),
        pytest.param(None, None, True, id="null"),
        pytest.param(MISSING, None, True, id="missing"),
    ],
)
def test_not_exists(actual: Any, expected: Any, met: bool | str) -> None:
    assert ask("not_exists", actual, expected) == met
