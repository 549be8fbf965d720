"""`not_contains`: the opposite of `contains`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.triggers.operators.asking import INCOMPARABLE, ask, fault


@pytest.mark.parametrize(
    ("actual", "expected", "met"),
    [
        pytest.param("Director of Sales", "sales", False, id="text-in-any-case"),
        pytest.param("Director", "sales", True, id="not-there"),
        pytest.param("STRASSE", "straße", False, id="folded"),
        pytest.param(["vip", "new"], "VIP", False, id="element-in-any-case"),
        pytest.param(["vip-gold"], "vip", True, id="not-a-part-of-an-element"),
        pytest.param([1, 2], 2.0, False, id="number-in-list"),
        pytest.param([True], 1, True, id="true-is-not-1-in-list"),
        pytest.param([], "a", True, id="empty-list"),
        pytest.param("order 15", 15, False, id="number-in-text"),
        pytest.param("", "a", True, id="empty-text"),
        pytest.param({"vip": 1}, "vip", INCOMPARABLE, id="object"),
        pytest.param(15, 5, INCOMPARABLE, id="number"),
        pytest.param("true", True, INCOMPARABLE, id="boolean-in-text"),
    ],
)
def test_not_contains(actual: Any, expected: Any, met: bool | str) -> None:
    assert ask("not_contains", actual, expected) == met


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param("", id="empty"),
        pytest.param(None, id="null"),
        pytest.param([], id="list"),
        pytest.param({}, id="object"),
    ],
)
def test_refuses_the_value(expected: Any) -> None:
    assert fault("not_contains", expected)
