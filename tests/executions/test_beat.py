"""The ticking goes on when the machine's clock jumps."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django_celery_beat.models import PeriodicTask

from config.celery import app
from executions import beat

pytestmark = pytest.mark.django_db(transaction=True)  # the scheduler closes old connections
NOON = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
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


@pytest.fixture(autouse=True)
def entries() -> None:
    beat.ensure_entries()


@pytest.mark.parametrize("jump", [dt.timedelta(hours=-2), dt.timedelta(hours=2)], ids=str)
def test_it_ticks_on_after_a_jump_of_the_clock(jump: dt.timedelta) -> None:
    with time_machine.travel(NOON, tick=False) as traveller:
        scheduler = Ticking()
        assert scheduler.ticks_within(traveller, seconds=10) >= 9
        traveller.shift(jump)
        assert scheduler.ticks_within(traveller, seconds=10) >= 9


def test_a_last_run_in_the_future_does_not_hold_it_up() -> None:
    """As found at a start, when the last beat's clock was two hours ahead."""
    PeriodicTask.objects.filter(name=TICK).update(last_run_at=NOON + dt.timedelta(hours=2))
    with time_machine.travel(NOON, tick=False) as traveller:
        assert Ticking().ticks_within(traveller, seconds=10) >= 9
