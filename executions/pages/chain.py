"""The whole chain that an event or a run is part of: event -> runs -> events that they caused -> runs, as a tree."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TypeVar

from django.db.models import Model

from crm.models import Workspace
from executions.models import Execution
from executions.pages import feed, subjects
from executions.pages.subjects import Link
from triggers.models import Event

EVENTS = 100  # drawn of one chain; the way to what is looked at is always among them
RUNS = 300
Row = TypeVar("Row", bound=Model)


@dataclass(slots=True)
class Run:
    execution: Execution
    caused: list[Happened] = field(default_factory=list)


@dataclass(slots=True)
class Happened:
    event: Event
    said: str
    subject: Link | None
    runs: list[Run] = field(default_factory=list)


@dataclass(slots=True)
class Chain:
    """`tops` is the first event; more than one where that one is gone already, or not all is drawn."""

    tops: list[Happened]
    runs: dict[uuid.UUID, Run]
    events_count: int
    is_cut: bool

    @property
    def is_worth_drawing(self) -> bool:
        return self.events_count > 1 or len(self.runs) > 1

    def cause_of(self, event: Event) -> Execution | None:
        """The run that caused the event, while it is kept."""
        parent = self.runs.get(event.parent_execution_id) if event.parent_execution_id else None
        return parent.execution if parent else None


def of(event: Event, workspace: Workspace, *, run: Execution | None = None) -> Chain:
    """What the event, or one of its runs, is part of.

    Two queries, and one per kind of subject; a few more where it is cut.
    """
    rows = Event.objects.filter(workspace=workspace, root_id=event.root_id)
    events = list(rows.defer("payload").order_by("id")[: EVENTS + 1])  # index event_root
    by_event = Execution.objects.filter(event__in=[row.pk for row in events[:EVENTS]])
    executions = list(feed.light(by_event).order_by("id")[: RUNS + 1])
    is_cut = len(events) > EVENTS or len(executions) > RUNS
    if is_cut:
        way = _way_to(event)
        events = _merged(events[:EVENTS], [event, *(cause.event for cause in way)])
        executions = _merged(executions[:RUNS], [*way, *([run] if run else [])])
    runs = {execution.pk: Run(execution) for execution in executions}
    links = subjects.of_events(events, workspace)
    happened = [Happened(row, feed.label(row.type), links.get(row.subject)) for row in events]
    return Chain(_grown(happened, runs), runs, len(events), is_cut)


def _way_to(event: Event) -> list[Execution]:
    """The runs that led here, the nearest first: a long chain may not have them among what is drawn."""
    way: list[Execution] = []
    while event.parent_execution_id:
        rows = Execution.objects.filter(
            workspace_id=event.workspace_id, pk=event.parent_execution_id
        )
        cause = feed.light(rows).select_related("event").defer("event__payload").first()
        if cause is None:
            break
        way.append(cause)
        event = cause.event
    return way


def _merged(drawn: list[Row], way: list[Row]) -> list[Row]:
    rows = {row.pk: row for row in [*drawn, *way]}
    return [rows[pk] for pk in sorted(rows)]


def _grown(happened: list[Happened], runs: dict[uuid.UUID, Run]) -> list[Happened]:
    """The tree: each run under its event, each event under its run; what has no place above stands on top."""
    by_event = {one.event.pk: one for one in happened}
    for run in runs.values():
        by_event[run.execution.event_id].runs.append(run)
    tops: list[Happened] = []
    for one in happened:
        cause = runs.get(one.event.parent_execution_id) if one.event.parent_execution_id else None
        (cause.caused if cause else tops).append(one)
    return tops
