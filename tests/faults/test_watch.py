"""Whether a process grew is asked of one life, from a while after its start on."""

from __future__ import annotations

import pytest

from tests.faults.watch import Life


def life(seconds: int, *, per_second: float) -> Life:
    """100 MiB after the first ten seconds."""
    looks = [(float(age), 100 + max(0, age - 10) * per_second) for age in range(seconds)]
    return Life("web", 0, looks)


@pytest.mark.parametrize(
    ("seconds", "per_second", "times"),
    [(60, 0, 1.0), (60, 1, 1.43), (14, 1, None)],
    ids=["flat", "grows", "too short"],
)
def test_growth(seconds: int, per_second: float, times: float | None) -> None:
    grown = life(seconds, per_second=per_second).growth(warm=10, stretch=5)
    assert grown == pytest.approx(times, abs=0.01) if times else grown is None


@pytest.mark.parametrize(
    ("since", "rise"),
    [(20.0, (149.0, 108.0)), (59.0, None), (-10.0, None)],
    ids=["grows", "nothing after it", "nothing before it"],
)
def test_rise(since: float, rise: tuple[float, float] | None) -> None:
    assert life(60, per_second=1).rise(since=since, stretch=4) == rise


def test_a_peak_counts_that_has_passed() -> None:
    spike = Life("web", 100.0, [(0.0, 50.0), (1.0, 50.0), (2.0, 80.0), (3.0, 50.0)])
    assert spike.rise(since=101.0, stretch=2) == (80.0, 50.0)
