"""One delivery in words: when it came, from whom, and what came of it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import Exists, OuterRef
from django.db.models.fields.json import KT

from executions.models import Execution, Status
from executions.pages import feed, words
from executions.pages.ground import uuid_or_none
from triggers.models import Event, EventState, Trigger, WebhookRejection
from triggers.sources import webhook

REFUSALS = {
    "unverified": "The signature was not proved",
    "method_not_allowed": "The method is not allowed",
    "too_large": "The body is too large",
    "compressed": "The body is compressed",
    "unsupported_content_type": "The content type is not allowed",
    "invalid_json": "The body is no valid JSON",
    "invalid_body": "The body cannot be read",
    "header_missing": "A header is missing",
    "schema_mismatch": "The body does not have the expected shape",
    "peer_not_allowed": "The sender's address is not allowed",
    "rate_limited": "Too many requests",
    "queue_full": "Too much work waits",
    "not_wanted": "The trigger does not take such deliveries",
}
RUNS = Execution.objects.filter(event=OuterRef("pk"))


class Outcome(models.TextChoices):
    ACCEPTED = "accepted", "Accepted"
    SKIPPED = "skipped", "Skipped"
    REJECTED = "rejected", "Refused"


@dataclass(slots=True)
class Delivery:
    """One of `event` and `refusal` is set. `why` says in words what came of it, `reason` by its code."""

    id: uuid.UUID
    at: dt.datetime
    workspace_id: uuid.UUID
    outcome: Outcome
    service: str
    trigger_id: uuid.UUID | None
    reason: str
    why: str
    method: str
    peer: str
    size: int | None
    delivery_id: str
    is_verified: bool = True
    event: Event | None = None
    refusal: WebhookRejection | None = None
    trigger: Trigger | None = None
    executions: list[Execution] = field(default_factory=list)


def of(event: Event) -> Delivery:
    """The delivery that this event is, for its own page. Three queries."""
    (found,) = accepted(Event.objects.filter(pk=event.pk))
    name_triggers([found])
    return found


def accepted(rows: Any) -> list[Delivery]:
    """Reads of a payload only what a list shows."""
    events = list(
        rows.order_by("-id")
        .defer("payload", "chain")
        .annotate(
            asked_method=KT("payload__request__method"),
            asked_peer=KT("payload__request__peer"),
            asked_size=KT("payload__request__size"),
            asked_name=KT("payload__request__delivery_id"),
            has_runs=Exists(RUNS),
            has_ran=Exists(RUNS.exclude(status=Status.SKIPPED)),
            first_ones=ArraySubquery(feed.FIRST_ONES),
        )
    )
    runs = feed.executions_of(events)
    return [_told(event, runs.get(event.pk, [])) for event in events]


def _told(event: Any, runs: list[Execution]) -> Delivery:
    is_idle = event.has_runs and not event.has_ran
    return Delivery(
        id=event.pk,
        at=event.recorded_at,
        workspace_id=event.workspace_id,
        outcome=Outcome.SKIPPED if is_idle else Outcome.ACCEPTED,
        service=event.type.removeprefix(webhook.type_name("")),
        trigger_id=uuid_or_none(event.topic.removeprefix(webhook.topic(""))),
        reason=runs[0].reason if is_idle and runs else "",
        why=_came_of(event, runs, is_idle=is_idle),
        method=event.asked_method or "",
        peer=event.asked_peer or "",
        size=int(event.asked_size) if event.asked_size else None,
        delivery_id=event.asked_name or "",
        is_verified=event.verified,
        event=event,
        executions=runs,
    )


def _came_of(event: Event, runs: list[Execution], *, is_idle: bool) -> str:
    if event.state == EventState.DEAD:
        return f"It could not be answered: {event.error}"[:300]
    if event.state == EventState.NEW:
        return "It has not been handed out yet."
    if is_idle and runs:
        return words.in_short(runs[0])
    if not event.executions_count:
        return "Nobody listens at this address."
    counts = Counter(one.get_status_display().lower() for one in runs)
    said = ", ".join(f"{number} {status}" for status, number in counts.items())
    if len(runs) == 1:
        return f"{runs[0].agent_name}: {runs[0].get_status_display().lower()}."
    more = event.executions_count - len(runs)
    return f"{said}{f', {more} more' if more > 0 else ''}." if runs else "Its runs were deleted."


def refused(row: WebhookRejection) -> Delivery:
    return Delivery(
        id=row.pk,
        at=row.at,
        workspace_id=row.workspace_id,
        outcome=Outcome.REJECTED,
        service=row.service,
        trigger_id=row.trigger_id,
        reason=row.reason,
        why=row.detail or REFUSALS.get(row.reason, row.reason),
        method=row.method,
        peer=row.peer,
        size=row.size,
        delivery_id=row.delivery_id,
        refusal=row,
    )


def name_triggers(rows: list[Delivery]) -> None:
    """By their addresses: the trigger whose own address it is."""
    wanted = {row.trigger_id for row in rows if row.trigger_id}
    known = Trigger.objects.in_bulk(wanted) if wanted else {}
    for row in rows:
        trigger = known.get(row.trigger_id) if row.trigger_id else None
        if trigger is not None and trigger.workspace_id == row.workspace_id:
            row.trigger = trigger
