"""`not_equals`: another value."""

from __future__ import annotations

from typing import Any

import pytest

from tests.triggers.operators.asking import ask


@pytest.mark.parametrize(
    ("actual", "expected", "met"),
    [
        pytest.param("Closed Won", "Closed Won", False, id="text"),
        pytest.param("Closed Won", "closed won", True, id="case-matters"),
        pytest.param(1, 1.0, False, id="int-and-float"),
        pytest.param("15000", 15000, False, id="text-that-spells-the-number"),
        pytest.param(15000, " 15000.0 ", False, id="number-and-spelled"),
        pytest.param("5", "5.0", True, id="two-texts"),
        pytest.param("15,000", 15000, True, id="no-thousands-separators"),
        pytest.param(True, 1, True, id="true-is-not-1"),
        pytest.param(True, True, False, id="booleans"),
        pytest.param(None, None, False, id="null"),
        pytest.param(None, "x", True, id="null-and-text"),
        pytest.param([1, "a"], [1.0, "a"], False, id="lists"),
        pytest.param([1], [True], True, id="lists-are-strict-inside"),
        pytest.param({"a": [1]}, {"a": [1]}, False, id="objects"),
        pytest.param({"a": 1}, {"a": 1, "b": 2}, True, id="more-keys"),
        pytest.param("1e999", "inf", True, id="overflow"),
        pytest.param("2026-11-03", "2026-11-03T00:00:00Z", True, id="times-are-texts"),
    ],
)
def test_not_equals(actual: Any, expected: Any, met: bool | str) -> None:
    assert ask("not_equals", actual, expected) == met
