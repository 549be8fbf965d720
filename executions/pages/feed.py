"""The live list: what happened, and under each event what ran because of it."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet

from crm.models import Workspace
from executions.models import Execution
from executions.pages import subjects
from executions.pages.subjects import Link
from triggers import event_types
from triggers.models import Event

SHOWN = 6  # executions under one event; the event's own page has them all
_LIGHT = ("trace", "inputs", "output", "error", "usage", "at_failure")  # large, and not in a list

FIRST_ONES = (  # uses the unique index on (event, listener, replay_no)
    Execution.objects.filter(event=OuterRef("pk"))
    .order_by("listener_id", "replay_no")
    .values("pk")[:SHOWN]
)


@dataclass(slots=True)
class Happening:
    """One event with what ran because of it. `said` is the type's label."""

    event: Event
    said: str
    subject: Link | None
    actor: Link | None
    executions: list[Execution] = field(default_factory=list)

    @property
    def more(self) -> int:
        return max(0, self.event.executions_count - len(self.executions))


def newest(workspace: Workspace, *, limit: int) -> list[Happening]:
    return happenings(Event.objects.filter(workspace=workspace).order_by("-id")[:limit], workspace)


def happenings(events: QuerySet[Event], workspace: Workspace) -> list[Happening]:
    """A few queries, however many events; their executions are bounded too."""
    found = list(events.defer("payload").annotate(first_ones=ArraySubquery(FIRST_ONES)))
    links = subjects.of_events(found, workspace)
    executions = executions_of(found)
    return [
        Happening(
            event,
            label(event.type),
            links.get(event.subject),
            links.get(event.actor),
            executions[event.pk],
        )
        for event in found
    ]


def label(event_type: str) -> str:
    known = event_types.find(event_type)
    return known.label if known else event_type


def light(executions: QuerySet[Execution]) -> QuerySet[Execution]:
    """Without the large columns, for lists."""
    return executions.defer(*_LIGHT).select_related("workspace")


def executions_of(events: Sequence[Any]) -> dict[uuid.UUID, list[Execution]]:
    """`first_ones` of each event: one with thousands takes no place from the others."""
    ids = [pk for event in events for pk in event.first_ones]
    by_event: dict[uuid.UUID, list[Execution]] = defaultdict(list)
    for execution in light(Execution.objects.filter(pk__in=ids)).order_by("id"):
        by_event[execution.event_id].append(execution)
    return by_event
