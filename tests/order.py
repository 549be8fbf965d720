"""The order of the files where several workers share them: what may take long begins first.

A worker takes one file at a time. Were a long one, such as the fault scripts, taken among the last, all others would
wait for it in the end. How long a file may take, the timeouts of its tests say; of equals, more tests come first.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest


@pytest.hookimpl(trylast=True)  # what others think of the order of tests holds within a file
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        arrange(items, timeout=float(config.getini("timeout")))


def arrange(items: list[pytest.Item], *, timeout: float) -> None:
    """`timeout`: that of tests which give none."""
    counts = Counter(item.path for item in items)
    longest: dict[Path, float] = defaultdict(float)
    for item in items:
        mark = item.get_closest_marker("timeout")
        longest[item.path] = max(longest[item.path], float(mark.args[0]) if mark else timeout)
    items.sort(key=lambda item: (-longest[item.path], -counts[item.path], str(item.path)))
