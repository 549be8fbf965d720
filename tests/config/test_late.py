"""Large modules are imported beside the event loop."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.lib import late

SLOW = """
import time
import {clock} as clock

began = clock.ticks
deadline = time.monotonic() + 20
while clock.ticks < began + 3 and time.monotonic() < deadline:
    time.sleep(0.01)
has_seen_it_tick = clock.ticks >= began + 3
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


async def test_a_loop_goes_on_while_it_imports(modules: Path) -> None:
    (modules / "late_clock.py").write_text("ticks = 0\n")
    (modules / "late_and_slow.py").write_text(SLOW.format(clock="late_clock"))
    import late_clock  # type: ignore[import-not-found]

    async def tick() -> None:
        while True:
            late_clock.ticks += 1
            await asyncio.sleep(0.01)

    ticking = asyncio.create_task(tick())
    try:
        await asyncio.gather(*(late.imported("late_and_slow") for _ in range(3)))
    finally:
        ticking.cancel()
    assert sys.modules["late_and_slow"].has_seen_it_tick


async def test_what_cannot_be_imported_is_said_each_time(modules: Path) -> None:
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="late_and_missing"):
            await late.imported("late_and_missing")
    (modules / "late_and_missing.py").write_text("")
    importlib.invalidate_caches()
    await late.imported("late_and_missing")
