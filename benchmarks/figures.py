"""How figures are taken: times in milliseconds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

Figures = dict[str, float]


def timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]
