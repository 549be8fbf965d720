"""A scheduler as beat's, for tests."""

from __future__ import annotations

import time_machine

from config.celery import app
from executions import beat

TICK = "triggerfish: tick"


class Ticking(beat.SteadyScheduler):
    """Writes down what it would send."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        super().__init__(app=app, lazy=True)
        self.setup_schedule()
        self._finalize.cancel()  # nothing is left to write when the tests' process ends

    def apply_entry(self, entry: beat.SteadyEntry, producer: object = None) -> None:
        self.sent.append(entry.name)

    def ticks_within(self, traveller: time_machine.Traveller, *, seconds: int) -> int:
        """Lets the seconds pass; answers how often `tick` was sent."""
        before = self.sent.count(TICK)
        for _ in range(seconds):
            traveller.shift(1)
            while self.tick() == 0:
                continue
        return self.sent.count(TICK) - before
