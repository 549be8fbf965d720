"""Large modules are imported beside the event loop."""

from __future__ import annotations

import asyncio
import importlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from config.lib import late

# Waits until its importer's loop has ticked three times more.
SLOW = """
import time
import late_clock

late_clock.begun.set()
until = late_clock.ticks + 3
deadline = time.monotonic() + 20
while late_clock.ticks < until and time.monotonic() < deadline:
    time.sleep(0.01)
has_seen_it_tick = late_clock.ticks >= until
"""

_clock: Any = ModuleType("late_clock")


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(late, "_begun", {})
    monkeypatch.setitem(sys.modules, "late_clock", _clock)
    _clock.ticks, _clock.begun = 0, threading.Event()
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("late_")]:
        monkeypatch.delitem(sys.modules, name)


async def _tick() -> None:
    while True:
        _clock.ticks += 1
        await asyncio.sleep(0.01)


async def test_a_loop_goes_on_while_it_imports(modules: Path) -> None:
    (modules / "late_and_slow.py").write_text(SLOW)
    ticking = asyncio.create_task(_tick())
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
    assert "late_and_missing" in sys.modules


async def test_what_needs_each_other_is_imported_one_after_the_other(modules: Path) -> None:
    """Two threads would each wait for the other, and Python then hands out a module that is not finished."""
    package = modules / "late_package"
    package.mkdir()
    (package / "__init__.py").write_text("import late_package.left\n")
    (package / "left.py").write_text(f"{SLOW}from late_package.right import whole\n")
    (package / "right.py").write_text("import late_package.left\nwhole = True\n")
    ticking = asyncio.create_task(_tick())
    first = asyncio.create_task(late.imported("late_package"))
    try:
        await asyncio.to_thread(_clock.begun.wait, 20)
        await asyncio.gather(first, late.imported("late_package.right"))
    finally:
        ticking.cancel()
    assert sys.modules["late_package.left"].whole


async def test_those_who_wait_leave_the_loops_threads_to_others(modules: Path) -> None:
    let_go = threading.Event()
    waiting = [asyncio.create_task(late.once(let_go.wait, 20)) for _ in range(50)]
    try:
        async with asyncio.timeout(10):
            await asyncio.to_thread(os.getpid)
    finally:
        let_go.set()
        await asyncio.gather(*waiting)


async def test_who_is_cancelled_leaves_the_others_their_import(modules: Path) -> None:
    let_go = threading.Event()
    first, second = (asyncio.create_task(late.once(let_go.wait, 20)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert not second.done()
    let_go.set()
    await second


def test_a_loop_ends_without_waiting_for_it(modules: Path) -> None:
    let_go = threading.Event()

    async def have_little_patience() -> None:
        async with asyncio.timeout(0.05):
            await late.once(let_go.wait, 20)

    try:
        with pytest.raises(TimeoutError):
            asyncio.run(have_little_patience())
        assert not late._begun[let_go.wait, 20].done()
    finally:
        let_go.set()


FORKED = """
import asyncio, os, threading
from config.lib import late

let_go = threading.Event()
late._future(let_go.wait, 20)
child = os.fork()
if not child:
    asyncio.run(late.imported("wave"))
    os._exit(7)
let_go.set()
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert code == 7, code
"""


def test_a_forked_child_imports_for_itself() -> None:
    found = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")
