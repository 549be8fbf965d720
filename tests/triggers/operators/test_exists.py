"""`exists`: neither missing nor null."""

from __future__ import annotations

from typing import Any

import pytest

from config.lib.paths import MISSING
from tests.triggers.operators.asking import ask


@pytest.mark.parametrize(
    ("actual", "expected", "met"),
    [
        pytest.param("Ann", None, True, id="text"),
        pytest.param("", None, True, id="empty-text"),
        pytest.param(0, None, True, id="zero"),
        pytest.param(False, None, True, id="false"),
        pytest.param(None, None, False, id="null"),
        pytest.param(MISSING, None, False, id="missing"),
    ],
)
def test_exists(actual: Any, expected: Any, met: bool | str) -> None:
    assert ask("exists", actual, expected) == met
