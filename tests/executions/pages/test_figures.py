"""The dashboard's numbers are those of the tables."""

from __future__ import annotations

import datetime as dt

from config.lib import clock
from crm.models import Workspace
from executions.models import Status
from executions.pages import figures
from tests.executions.pages.conftest import MakeWorld, World, make_event, make_execution


def test_counts_per_status_are_those_of_one_workspace(
    world: World, other: Workspace, make_world: MakeWorld
) -> None:
    make_world(other)
    make_execution(make_event(world.workspace), world.trigger, status=Status.QUEUED)
    counts = {
        count.status: count.number
        for count in figures.status_counts(world.workspace, now=clock.now())
    }
    assert counts[Status.COMPLETED] == 1
    assert counts[Status.QUEUED] == 1
    assert sum(counts.values()) == 2


def test_the_last_hour_minute_by_minute(world: World) -> None:
    now = clock.now()
    old = make_execution(make_event(world.workspace), world.trigger, status=Status.FAILED)
    old.finished_at = now - dt.timedelta(minutes=30)
    old.save(update_fields=["finished_at"])
    chart = figures.last_hour(world.workspace, now=now)
    assert len(chart.bars) == figures.MINUTES
    assert chart.totals == {"completed": 1, "skipped": 0, "failed": 1}
    assert chart.bars[-31].counts == {"failed": 1}
    assert all(0 <= segment.y <= figures.HEIGHT for bar in chart.bars for segment in bar.segments)
