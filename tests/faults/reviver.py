"""Starts again what died, as the supervisor of `make run` or a cluster would, and keeps how long each was missed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.processes import Nursery, Process

REVIVED_AFTER_SECONDS = 1.0  # as `make run` does it


@dataclass
class _Cared:
    """`missed_since`: when its death was seen, until it works again; `due`: when it is started, while it is dead."""

    process: Process
    nursery: Nursery
    missed_since: float | None = None
    due: float | None = None


class Reviver:
    """`deaths` counts them, `gap` is the longest time from a death until the process worked again, in seconds.

    `has_spoken`: whether a process has said that it works, be it alive or not (`readiness.py`).
    """

    def __init__(self, has_spoken: Callable[[Process], bool]) -> None:
        self.deaths = 0
        self.gap = 0.0
        self._has_spoken = has_spoken
        self._care: list[_Cared] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="reviver", daemon=True)
        self._thread.start()

    def take(self, process: Process, nursery: Nursery) -> None:
        self._care.append(_Cared(process, nursery))

    @property
    def missed(self) -> int:
        """How many do not work again yet."""
        return sum(one.missed_since is not None for one in self._care)

    def end(self) -> None:
        """From here on nothing is started any more."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            for one in list(self._care):
                self._look_at(one, time.monotonic())

    def _look_at(self, one: _Cared, now: float) -> None:
        if one.due is not None:
            if now >= one.due:
                one.process.pid = one.nursery.start(one.process.program)
                one.due = None
        elif not one.process.is_alive():
            self._look_whether_it_worked(one, now)  # for a moment, and it died again
            self.deaths += 1
            one.process.kill()  # what it left behind
            one.due = now + REVIVED_AFTER_SECONDS
            one.missed_since = one.missed_since or now
        else:
            self._look_whether_it_worked(one, now)

    def _look_whether_it_worked(self, one: _Cared, now: float) -> None:
        if one.missed_since is not None and self._has_spoken(one.process):
            self.gap = max(self.gap, now - one.missed_since)
            one.missed_since = None
