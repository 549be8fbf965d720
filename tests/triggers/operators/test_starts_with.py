"""`starts_with`: the beginning of a text."""

from __future__ import annotations

from typing import Any

import pytest

from tests.triggers.operators.asking import INCOMPARABLE, ask, fault


@pytest.mark.parametrize(
    ("actual", "expected", "met"),
    [
        pytest.param("Closed Won", "closed", True, id="any-case"),
        pytest.param("Not Closed", "closed", False, id="elsewhere"),
        pytest.param("a", "ab", False, id="longer"),
        pytest.param("", "a", False, id="empty"),
        pytest.param(15, "1", INCOMPARABLE, id="number"),
        pytest.param(["a"], "a", INCOMPARABLE, id="list"),
        pytest.param(True, "t", INCOMPARABLE, id="boolean"),
    ],
)
def test_starts_with(actual: Any, expected: Any, met: bool | str) -> None:
    assert ask("starts_with", actual, expected) == met


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param("", id="empty"),
        pytest.param(5, id="number"),
        pytest.param(None, id="null"),
        pytest.param(["a"], id="list"),
    ],
)
def test_refuses_the_value(expected: Any) -> None:
    assert fault("starts_with", expected)
