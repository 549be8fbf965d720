"""`less_than`: less, or earlier."""

from __future__ import annotations

from typing import Any

import pytest

from tests.triggers.operators.asking import INCOMPARABLE, ask, fault


@pytest.mark.parametrize(
    ("actual", "expected", "met"),
    [
        pytest.param(15000, 10000, False, id="greater"),
        pytest.param(10000, 10000, False, id="equal"),
        pytest.param(5000, 10000, True, id="less"),
        pytest.param("15000", 10000, False, id="spelled"),
        pytest.param(" 15000.5 ", "15000", False, id="both-spelled"),
        pytest.param(-1.5, "-1", True, id="negative"),
        pytest.param("2026-11-04", "2026-11-03T12:00:00Z", False, id="date-and-time"),
        pytest.param("2026-11-03T12:00:00+02:00", "2026-11-03T10:00:00Z", False, id="zones"),
        pytest.param(
            "2026-11-03T09:59:59.999999Z", "2026-11-03T10:00:00", True, id="no-zone-is-utc"
        ),
        pytest.param(9007199254740993, 9007199254740992.0, False, id="exact-beyond-doubles"),
        pytest.param("15,000", 10000, INCOMPARABLE, id="thousands-separator"),
        pytest.param("abc", 10000, INCOMPARABLE, id="word"),
        pytest.param(True, 0, INCOMPARABLE, id="boolean"),
        pytest.param([20000], 10000, INCOMPARABLE, id="list"),
        pytest.param({}, 10000, INCOMPARABLE, id="object"),
        pytest.param(5, "2026-11-03", INCOMPARABLE, id="number-and-date"),
        pytest.param("2026-11-03", 5, INCOMPARABLE, id="date-and-number"),
        pytest.param("2026-02-30", "2026-02-01", INCOMPARABLE, id="no-such-day"),
        pytest.param("1e999", 5, INCOMPARABLE, id="overflow"),
        pytest.param("", 5, INCOMPARABLE, id="empty"),
    ],
)
def test_less_than(actual: Any, expected: Any, met: bool | str) -> None:
    assert ask("less_than", actual, expected) == met


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param("abc", id="word"),
        pytest.param(None, id="null"),
        pytest.param(True, id="boolean"),
        pytest.param([1], id="list"),
        pytest.param("1e999", id="overflow"),
        pytest.param("2026-02-30", id="no-such-day"),
        pytest.param(float("nan"), id="nan"),
    ],
)
def test_refuses_the_value(expected: Any) -> None:
    assert fault("less_than", expected)
