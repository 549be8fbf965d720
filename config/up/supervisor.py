"""Keeps children alive and stops them in order. Knows nothing of what they are for.

It sleeps until a child ends, a signal comes or something is due: an idle supervisor costs no CPU. Single-threaded,
because a child dies with the thread that started it (child.py).
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType

from config.up import child
from config.up.child import Child, Program

FIRST_DELAY, LONGEST_DELAY = 1.0, 30.0
A_GOOD_LIFE = 60.0  # seconds after which a death is taken for the first one again
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Charge:
    """One program in our care. `process` is None while it waits for its next start."""

    program: Program
    process: Child | None = None
    started_at: float = 0.0
    delay: float = FIRST_DELAY
    due_at: float = 0.0


@dataclass
class Chore:
    run: Callable[[], float | None]
    due_at: float = 0.0


class Supervisor:
    """`stages` come in the order of stopping.

    `on_death(program, exit code, seconds until the next start)` tells a person; `chores` are run at once, and again
    after as many seconds as each returns, None for never.
    """

    def __init__(
        self,
        stages: Sequence[Sequence[Program]],
        *,
        start: Callable[[Program], Child],
        on_death: Callable[[Program, int, float], None],
        chores: Sequence[Callable[[], float | None]] = (),
    ) -> None:
        self._stages = [[Charge(program) for program in stage] for stage in stages]
        self._start_program = start
        self._on_death = on_death
        self._chores = [Chore(run) for run in chores]
        self._asked_to_stop = 0
        self._wakeup, wakes = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(wakes, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        for number in STOPPING:
            signal.signal(number, self._ask_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to be woken

    def adopt(self, program: Program, process: Child) -> None:
        """Take over one that runs already."""
        charge = next(charge for charge in self._charges() if charge.program is program)
        charge.process, charge.started_at = process, time.monotonic()

    def run(self) -> None:
        """Until a signal asks us to stop; then it returns, with everything still running."""
        for stage in reversed(self._stages):
            for charge in stage:
                if charge.process is None:
                    self._start(charge)
        while not self._asked_to_stop:
            now = time.monotonic()
            for charge in self._charges():
                self._look_after(charge, now)
            for chore in self._chores:
                if chore.due_at <= now:
                    again = chore.run()
                    chore.due_at = float("inf") if again is None else time.monotonic() + again
            self._sleep()

    def stop(self) -> None:
        """Stage by stage. A second request to stop gives no more grace, except to the last stage: the servers."""
        for number, stage in enumerate(self._stages):
            running = [
                (charge.program, charge.process) for charge in stage if charge.process is not None
            ]
            for program, process in running:
                child.signal_stop(process, program)
            until = time.monotonic() + max(
                (program.stop_seconds for program, _ in running), default=0
            )
            last = number == len(self._stages) - 1
            while (
                any(process.poll() is None for _, process in running) and time.monotonic() < until
            ):
                if self._asked_to_stop > 1 and not last:
                    break
                select.select([self._wakeup], [], [], 0.05)
                self._drain_wakeup()
            for _, process in running:
                child.kill(process)

    def _start(self, charge: Charge) -> None:
        charge.process = self._start_program(charge.program)
        charge.started_at = time.monotonic()

    def _look_after(self, charge: Charge, now: float) -> None:
        if charge.process is None:
            if charge.due_at <= now:
                self._start(charge)
            return
        code = charge.process.poll()
        if code is None:
            return
        child.kill(charge.process)  # what it left behind
        if now - charge.started_at >= A_GOOD_LIFE:
            charge.delay = FIRST_DELAY
        charge.process, charge.due_at = None, now + charge.delay
        self._on_death(charge.program, code, charge.delay)
        charge.delay = min(charge.delay * 2, LONGEST_DELAY)

    def _sleep(self) -> None:
        due = [charge.due_at for charge in self._charges() if charge.process is None]
        due += [chore.due_at for chore in self._chores]
        nearest = min(due, default=float("inf"))
        seconds = None if nearest == float("inf") else max(0.0, nearest - time.monotonic())
        select.select([self._wakeup], [], [], seconds)
        self._drain_wakeup()

    def _drain_wakeup(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._wakeup, 4096)

    def _charges(self) -> list[Charge]:
        return [charge for stage in self._stages for charge in stage]

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self._asked_to_stop += 1
