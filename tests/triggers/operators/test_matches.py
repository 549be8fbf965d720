"""`matches`: a regular expression is found."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.triggers.operators.asking import INCOMPARABLE, ask, fault


@pytest.mark.parametrize(
    ("actual", "expected", "met"),
    [
        pytest.param("ann@example.org", "@example[.]org$", True, id="end"),
        pytest.param("ANN", "ann", False, id="case-matters"),
        pytest.param("ANN", "(?i)ann", True, id="case-ignored"),
        pytest.param("xyz", "y", True, id="anywhere"),
        pytest.param("xyz", "^y", False, id="bound"),
        pytest.param("Zoë", "^\\pL+$", True, id="unicode"),
        pytest.param(15, "1", INCOMPARABLE, id="number"),
        pytest.param(None, "1", INCOMPARABLE, id="null"),
        pytest.param("\ud800", "a", INCOMPARABLE, id="not-unicode"),
    ],
)
def test_matches(actual: Any, expected: Any, met: bool | str) -> None:
    assert ask("matches", actual, expected) == met


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param("(a", id="syntax"),
        pytest.param("(?=a)", id="look-ahead"),
        pytest.param("(a)\\1", id="back-reference"),
        pytest.param("a{1000}{1000}", id="repeats-of-repeats"),
        pytest.param("((a{100}){100}){100}", id="too-large"),
        pytest.param("a" * 501, id="too-long"),
        pytest.param("", id="empty"),
        pytest.param(5, id="number"),
        pytest.param("\ud800", id="not-unicode"),
    ],
)
def test_refuses_the_value(expected: Any) -> None:
    assert fault("matches", expected)


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|aa)+$", "(.*a){20}$", "^(([a-z])+.)+[A-Z]([a-z])+$"]
)
def test_no_pattern_explodes(pattern: str) -> None:
    began = time.perf_counter()
    ask("matches", "a" * 100_000 + "!", pattern)
    assert time.perf_counter() - began < 5  # one that explodes would not end today


def test_looks_at_the_beginning_of_a_long_text() -> None:
    assert ask("matches", "a" * 10_000 + "b", "b") is False
