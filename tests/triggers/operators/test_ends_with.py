"""`ends_with`: the end of a text."""

from __future__ import annotations

from typing import Any

import pytest

from tests.triggers.operators.asking import INCOMPARABLE, ask, fault


@pytest.mark.parametrize(
    ("actual", "expected", "met"),
    [
        pytest.param("ann@Example.org", "@example.ORG", True, id="any-case"),
        pytest.param("ann@example.org.evil", "@example.org", False, id="elsewhere"),
        pytest.param("a", "ba", False, id="longer"),
        pytest.param(15, "5", INCOMPARABLE, id="number"),
        pytest.param(["a"], "a", INCOMPARABLE, id="list"),
    ],
)
def test_ends_with(actual: Any, expected: Any, met: bool | str) -> None:
    assert ask("ends_with", actual, expected) == met


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
    assert fault("ends_with", expected)
