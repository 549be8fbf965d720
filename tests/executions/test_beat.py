"""The ticking goes on when the machine's clock jumps."""

from __future__ import annotations

import datetime as dt
from contextlib import closing

import pytest
import time_machine
from django_celery_beat.models import PeriodicTask

from executions import beat
from tests.executions.ticking import TICK, Ticking

pytestmark = pytest.mark.django_db(transaction=True)  # the scheduler closes old connections
NOON = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def entries() -> None:
    beat.ensure_entries()


@pytest.mark.parametrize("jump", [dt.timedelta(hours=-2), dt.timedelta(hours=2)], ids=str)
def test_it_ticks_on_after_a_jump_of_the_clock(jump: dt.timedelta) -> None:
    with time_machine.travel(NOON, tick=False) as traveller, closing(Ticking()) as scheduler:
        assert scheduler.ticks_within(traveller, seconds=10) >= 9
        traveller.shift(jump)
        assert scheduler.ticks_within(traveller, seconds=10) >= 9


def test_a_last_run_in_the_future_does_not_hold_it_up() -> None:
    """As found at a start, when the last beat's clock was two hours ahead."""
    PeriodicTask.objects.filter(name=TICK).update(last_run_at=NOON + dt.timedelta(hours=2))
    with time_machine.travel(NOON, tick=False) as traveller, closing(Ticking()) as scheduler:
        assert scheduler.ticks_within(traveller, seconds=10) >= 9
