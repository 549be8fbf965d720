"""`not_in`: none of the values of a list."""

from __future__ import annotations

from typing import Any

import pytest

from tests.triggers.operators.asking import ask, fault


@pytest.mark.parametrize(
    ("actual", "expected", "met"),
    [
        pytest.param("Won", ["Won", "Lost"], False, id="one-of-them"),
        pytest.param("won", ["Won"], True, id="case-matters"),
        pytest.param("5", [5], False, id="spelled"),
        pytest.param(None, [None, 1], False, id="null"),
        pytest.param(None, [1], True, id="null-is-none-of-them"),
        pytest.param(True, [1], True, id="true-is-not-1"),
        pytest.param([1], [[1]], False, id="list-in-list"),
        pytest.param([1], [1], True, id="list-is-no-element"),
    ],
)
def test_not_in(actual: Any, expected: Any, met: bool | str) -> None:
    assert ask("not_in", actual, expected) == met


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param("a,b", id="text"),
        pytest.param([], id="empty"),
        pytest.param(None, id="null"),
        pytest.param([0] * 1001, id="too-many"),
    ],
)
def test_refuses_the_value(expected: Any) -> None:
    assert fault("not_in", expected)
