"""Recording what happened. Nothing else writes Event rows.

Row 3 of the path of an event: `emit` inserts in the caller's transaction, so the event exists if and only if its cause
committed; after the commit the dispatcher is woken, best effort.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from config.lib import actors, clock, json, logs, measures, wake
from config.lib.ids import uuid7
from triggers import event_types, statements
from triggers.event_types import EventType
from triggers.models import Event, EventState

BATCH = 500  # events of one INSERT


@dataclass(frozen=True, slots=True)
class Cause:
    """The run inside which events are emitted now; they become its children, one level deeper."""

    execution_id: uuid.UUID
    root_id: uuid.UUID
    depth: int
    chain: tuple[str, ...]  # ids of the triggers that led here, this run's included
    correlation_id: str
    actor: str
    verified: bool = True  # false: it began with a sender that nobody verified


@dataclass(frozen=True, slots=True)
class Draft:
    """An event to be. `topic` defaults to the type's name; `subject` reads `contact:<id>`; `actor`
    `user:<id>` or `system`.
    """

    type: EventType | str
    workspace_id: uuid.UUID
    payload: dict[str, Any]
    topic: str = ""
    subject: str = ""
    source: str = ""
    dedupe_key: str = ""
    actor: str = ""
    verified: bool = True
    occurred_at: dt.datetime | None = None
    max_bytes: int = json.MAX_STORED_BYTES  # of the payload; what is beyond is cut off
    repeat_of: uuid.UUID | None = None
    cause: Cause | None = None  # of which run, where it is not the one that is ambient
    correlation_id: str = ""  # of which request, where it is not the one that is ambient
    heard: bool = False  # the caller dispatches it itself, to one trigger; nobody else will hear it
    id: uuid.UUID = field(default_factory=uuid7)


_cause: ContextVar[Cause | None] = ContextVar("cause", default=None)


@contextmanager
def caused_by(cause: Cause) -> Iterator[None]:
    """Everything emitted inside is caused by this run. Threads started through asyncio carry it along."""
    token = _cause.set(cause)
    try:
        yield
    finally:
        _cause.reset(token)


acting_as = actors.acting_as  # edges that know triggers may name the actor here
set_actor = actors.set_actor


def current_actor() -> str:
    """Who is acting now: the agent of the run, else whom an edge named, else `system`."""
    cause = _cause.get()
    return cause.actor if cause else actors.current() or "system"


def current_cause() -> Cause | None:
    return _cause.get()


def emit(
    event_type: EventType | str, *, workspace_id: uuid.UUID, payload: dict[str, Any], **more: Any
) -> Event:
    """Records one event in the open transaction and wakes the dispatcher after its commit. One INSERT.

    `more`: the other fields of `Draft`. With a `dedupe_key` that is known already, the first event
    is returned and nothing is written. Raises InvalidPayload where the payload does not fit its
    type.
    """
    return emit_many([Draft(event_type, workspace_id, payload, **more)])[0]


def emit_many(drafts: Sequence[Draft]) -> list[Event]:
    """Records many events with one INSERT; the answer keeps the order of the drafts.

    Doubles of a known `dedupe_key` are answered with the first event.
    """
    events = [_build(draft) for draft in drafts]
    if not events:
        return []
    stored: set[uuid.UUID] = set()
    for start in range(0, len(events), BATCH):
        rows = [_as_row(event) for event in events[start : start + BATCH]]
        told = statements.run("insert_events", {"events": json.dumps(rows).decode()})
        stored.update(pk for (pk,) in told)
    if len(stored) < len(events):
        events = _first_ones(events, stored)
    new = [event for event, draft in zip(events, drafts, strict=True) if event.pk == draft.id]
    logs.tell("triggers.events", [_line(event) for event in new])
    for event in new:
        measures.EVENTS.add(event.source)
    if not all(draft.heard for draft in drafts):
        wake.dispatcher()
    return events


def _build(draft: Draft) -> Event:
    kind = event_types.find(draft.type) if isinstance(draft.type, str) else draft.type
    name = kind.name if kind else str(draft.type)
    payload = json.sanitise(draft.payload, max_bytes=draft.max_bytes)
    if kind:
        kind.check(payload)
    cause = draft.cause or _cause.get()
    return Event(
        id=draft.id,
        workspace_id=draft.workspace_id,
        type=name,
        topic=draft.topic or name,
        source=draft.source or (kind.source if kind else "custom"),
        subject=draft.subject,
        dedupe_key=draft.dedupe_key,
        payload=payload,
        actor=draft.actor or (cause.actor if cause else current_actor()),
        verified=draft.verified and not actors.is_stranger() and (cause is None or cause.verified),
        repeat_of=draft.repeat_of,
        occurred_at=draft.occurred_at or dt.datetime.now(dt.UTC),
        root_id=cause.root_id if cause else draft.id,
        parent_execution_id=cause.execution_id if cause else None,
        depth=cause.depth + 1 if cause else 0,
        chain=list(cause.chain) if cause else [],
        **(
            {"state": EventState.MATCHED, "executions_count": 1, "recorded_at": clock.now()}
            if draft.heard
            else {}
        ),
        correlation_id=cause.correlation_id
        if cause
        else draft.correlation_id or logs.correlation_id.get() or str(draft.id),
    )


_COLUMNS = (
    *("id", "workspace_id", "type", "topic", "source", "subject", "dedupe_key", "payload"),
    *("actor", "verified", "occurred_at", "root_id", "parent_execution_id", "depth", "chain"),
    *("correlation_id", "state", "executions_count", "repeat_of"),
)


def _as_row(event: Event) -> dict[str, Any]:
    """What `sql/insert_events.sql` stores; the time of recording is the database's unless it was read already."""
    recorded_at: Any = event.recorded_at  # a database expression until the row is read
    known = recorded_at if isinstance(recorded_at, dt.datetime) else None
    return {"recorded_at": known, **{name: getattr(event, name) for name in _COLUMNS}}


def _line(event: Event) -> logs.Line:
    """What the log says of a recorded event: which one it is, never what it says."""
    fields = {
        "correlation_id": event.correlation_id,
        "event": event.id,
        "type": event.type,
        "source": event.source,
        "subject": event.subject,
        "actor": event.actor,
        "depth": event.depth,
    }
    return logging.INFO, "event recorded", fields


def _first_ones(events: list[Event], stored: set[uuid.UUID]) -> list[Event]:
    """What is known under each dedupe key: our own row, or the one that was there before."""
    doubles = [event for event in events if event.pk not in stored]
    first = {
        (event.workspace_id, event.source, event.dedupe_key): event
        for event in Event.objects.filter(
            workspace_id__in={event.workspace_id for event in doubles},
            source__in={event.source for event in doubles},
            dedupe_key__in={event.dedupe_key for event in doubles},
        )
    }
    return [
        event
        if event.pk in stored
        else first.get((event.workspace_id, event.source, event.dedupe_key), event)
        for event in events
    ]
