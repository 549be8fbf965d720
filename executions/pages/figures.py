"""The dashboard's numbers: a count per status, and the last hour minute by minute. Every count is bounded."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field

from config.lib import ids
from crm.models import Workspace
from executions import statements
from executions.models import TERMINAL, Status
from triggers.models import Event, EventState

CEILING = 100_000
DAY = dt.timedelta(hours=24)
MINUTES = 60
HEIGHT, STEP = 100, 6  # of the chart's drawing area, and of one minute in it
KINDS = {
    Status.COMPLETED: "completed",
    Status.SKIPPED: "skipped",
    Status.FAILED: "failed",
    Status.TIMED_OUT: "failed",
}


@dataclass(frozen=True, slots=True)
class Count:
    status: str
    label: str
    number: int
    is_more: bool  # counting stopped at the ceiling


def status_counts(workspace: Workspace, *, now: dt.datetime) -> list[Count]:
    """Ended runs of the last 24 hours, and all that have not ended yet."""
    numbers = {
        **_count(workspace, [s for s in Status if s in TERMINAL], floor=ids.floor(now - DAY)),
        **_count(workspace, [s for s in Status if s not in TERMINAL], floor=uuid.UUID(int=0)),
    }
    return [
        Count(
            status, Status(status).label, min(numbers[status], CEILING), numbers[status] > CEILING
        )
        for status in Status.values
    ]


def waiting_for_people(workspace: Workspace) -> dict[str, int]:
    """How many runs only go on when somebody decides, by status; those with none left out."""
    statuses = [Status.INTERRUPTED, Status.WAITING_APPROVAL]
    numbers = _count(workspace, statuses, floor=uuid.UUID(int=0))
    return {status: number for status, number in numbers.items() if number}


def dead_events(workspace: Workspace) -> int:
    """Events that could not be answered. Uses index event_dead."""
    return Event.objects.filter(workspace=workspace, state=EventState.DEAD)[:CEILING].count()


def _count(workspace: Workspace, statuses: list[Status], *, floor: uuid.UUID) -> dict[str, int]:
    params = {
        "statuses": [str(s.value) for s in statuses],
        "workspace": workspace.pk,
        "floor": floor,
    }
    return dict(statements.run("count_statuses", {**params, "ceiling": CEILING + 1}))


@dataclass(frozen=True, slots=True)
class Segment:
    kind: str
    y: float
    height: float


@dataclass(slots=True)
class Bar:
    """One minute of the chart, in its drawing area."""

    minute: dt.datetime
    x: int
    counts: dict[str, int]
    segments: list[Segment] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Chart:
    bars: list[Bar]
    top: int  # what the upper edge stands for
    totals: dict[str, int]


def last_hour(workspace: Workspace, *, now: dt.datetime) -> Chart:
    """Ended runs per minute: completed, skipped, failed."""
    minute = now.replace(second=0, microsecond=0)
    since = minute - dt.timedelta(minutes=MINUTES - 1)
    params = {
        "workspace": workspace.pk,
        "floor": ids.floor(since - DAY),
        "since": since,
        "ceiling": CEILING,
    }
    counts: dict[dt.datetime, dict[str, int]] = {}
    totals = dict.fromkeys(KINDS.values(), 0)
    for at, status, number in statements.run("count_minutes", params):
        if kind := KINDS.get(status):
            per_kind = counts.setdefault(at, {})
            per_kind[kind] = per_kind.get(kind, 0) + number
            totals[kind] += number
    minutes = [since + dt.timedelta(minutes=index) for index in range(MINUTES)]
    bars = [Bar(at, index * STEP, counts.get(at, {})) for index, at in enumerate(minutes)]
    top = _round_up(max((sum(bar.counts.values()) for bar in bars), default=0))
    for bar in bars:
        _stack(bar, top)
    return Chart(bars, top, totals)


def _stack(bar: Bar, top: int) -> None:
    y = float(HEIGHT)
    for kind in dict.fromkeys(KINDS.values()):
        if number := bar.counts.get(kind, 0):
            height = max(1.5, number / top * HEIGHT)
            y -= height
            bar.segments.append(Segment(kind, round(y, 2), round(height, 2)))


def _round_up(number: int) -> int:
    """The next of 4, 5, 10, 20, 50, 100 ...: an axis that reads well."""
    if number <= 4:
        return 4
    magnitude: int = 10 ** (len(str(number)) - 1)
    return next(step * magnitude for step in (1, 2, 5, 10) if step * magnitude >= number)
