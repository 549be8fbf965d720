"""`equals`: the same value."""

from __future__ import annotations

from typing import Any

import pytest

from tests.triggers.operators.asking import ask


@pytest.mark.parametrize(
    ("actual", "expected", "met"),
    [
        pytest.param("Closed Won", "Closed Won", True, id="text"),
        pytest.param("Closed Won", "closed won", False, id="case-matters"),
        pytest.param(1, 1.0, True, id="int-and-float"),
        pytest.param("15000", 15000, True, id="text-that-spells-the-number"),
        pytest.param(15000, " 15000.0 ", True, id="number-and-spelled"),
        pytest.param("5", "5.0", False, id="two-texts"),
        pytest.param("15,000", 15000, False, id="no-thousands-separators"),
        pytest.param(True, 1, False, id="true-is-not-1"),
        pytest.param(True, True, True, id="booleans"),
        pytest.param(None, None, True, id="null"),
        pytest.param(None, "x", False, id="null-and-text"),
        pytest.param([1, "a"], [1.0, "a"], True, id="lists"),
        pytest.param([1], [True], False, id="lists-are-strict-inside"),
        pytest.param({"a": [1]}, {"a": [1]}, True, id="objects"),
        pytest.param({"a": 1}, {"a": 1, "b": 2}, False, id="more-keys"),
        pytest.param("1e999", "inf", False, id="overflow"),
        pytest.param("2026-11-03", "2026-11-03T00:00:00Z", False, id="times-are-texts"),
    ],
)
def test_equals(actual: Any, expected: Any, met: bool | str) -> None:
    assert ask("equals", actual, expected) == met
