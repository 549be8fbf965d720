"""What came to a workspace's webhooks, newest first: accepted, skipped and refused requests in one list.

Accepted requests are events, refused ones are rows of their own, and the ids of both sort by time: a page takes the
newest of both below the last id of the page before, so it costs the same however many there are. What no index can
find (runs that were all skipped, a reason) is looked for among the next LOOKED_AT; then the page says how far it got.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, Q

from config.lib import ids
from executions.models import Status
from executions.models.reason import labels
from executions.pages import delivery
from executions.pages.delivery import REFUSALS, RUNS, Delivery, Outcome
from executions.pages.ground import uuid_or_none
from triggers import receiving
from triggers.models import Event, Trigger, WebhookEndpoint, WebhookRejection
from triggers.sources import webhook

LOOKED_AT = 2_000
ENDPOINTS = 2_000  # of a workspace, at which a delivery is looked for by its id


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person looks for in these workspaces.

    `reason`: of a refusal, or why runs were skipped. `named`: what the sender calls the delivery, or an id of ours.
    """

    workspaces: Sequence[uuid.UUID]
    trigger_id: uuid.UUID | None = None
    service: str = ""
    outcome: str = ""
    reason: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    named: str = ""
    before: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """`older`: what the next page asks for as `before`; None at the end. `looked_until`: a short one stopped there."""

    rows: list[Delivery]
    older: uuid.UUID | None
    looked_until: dt.datetime | None = None


def page(asked: Asked, *, size: int = 50) -> Page:
    """At most nine queries."""
    parts = _Parts(asked, size + 1, _owner(asked.trigger_id) if asked.trigger_id else None)
    accepted, stop = parts.accepted()
    refused, other_stop = parts.refused()
    stops = [one for one in (stop, other_stop) if one is not None]
    floor = max(stops, default=uuid.UUID(int=0))
    found = [one for one in (*accepted, *refused) if one.id >= floor]
    found.sort(key=lambda one: one.id, reverse=True)
    rows = found[:size]
    delivery.name_triggers(rows)
    if len(found) > size:
        return Page(rows, rows[-1].id)
    return Page(rows, floor, ids.moment(floor)) if stops else Page(rows, None)


@dataclass(frozen=True, slots=True)
class _Parts:
    """The two halves of one page, each of at most `limit` rows, and where its search stopped before it had enough."""

    asked: Asked
    limit: int
    owner: uuid.UUID | None  # the trigger whose address is asked for

    def accepted(self) -> tuple[list[Delivery], uuid.UUID | None]:
        asked = self.asked
        if asked.outcome == Outcome.REJECTED or asked.reason in REFUSALS:
            return [], None
        rows = Event.objects.delivered()
        if asked.service:
            rows = rows.filter(type=webhook.type_name(asked.service))
        if asked.named:
            rows = rows.filter(pk__in=self._ids_named())
        places = [rows.filter(workspace_id=pk) for pk in asked.workspaces]
        if self.owner:
            places = [one.filter(topic=webhook.topic(self.owner)) for one in places]
        narrow = None
        if asked.reason or asked.outcome:
            narrow = _with_outcome(asked.outcome, asked.reason)
        found, stop = self._newest(Event.objects.all(), places, narrow)
        return delivery.accepted(found), stop

    def refused(self) -> tuple[list[Delivery], uuid.UUID | None]:
        asked = self.asked
        if asked.outcome not in ("", Outcome.REJECTED) or asked.reason in labels():
            return [], None
        rows = WebhookRejection.objects.all()
        if self.owner:
            rows = rows.filter(trigger_id=self.owner)
        if asked.named:
            mine = Q(delivery_id=asked.named)
            rows = rows.filter(mine | Q(pk=pk) if (pk := uuid_or_none(asked.named)) else mine)
        narrow = Q()
        if asked.service:
            narrow &= Q(service=asked.service)
        if asked.reason:
            narrow &= Q(reason=asked.reason)
        places = [rows.filter(workspace_id=pk) for pk in asked.workspaces]
        found, stop = self._newest(WebhookRejection.objects.all(), places, narrow or None)
        return [delivery.refused(row) for row in found.order_by("-id")], stop

    def _newest(
        self, rows: Any, places: list[Any], narrow: Q | None
    ) -> tuple[Any, uuid.UUID | None]:
        """The newest rows of all places together; each place is walked by its own index."""
        looked = LOOKED_AT if narrow is not None else self.limit
        walks = [self._within(one).order_by("-id").values_list("pk")[:looked] for one in places]
        if not walks:
            return rows.none(), None
        walk = (
            walks[0].union(*walks[1:], all=True).order_by("-id")[:looked] if walks[1:] else walks[0]
        )
        seen = [pk for (pk,) in walk]
        if narrow is None:
            return rows.filter(pk__in=seen), None
        chosen = list(rows.filter(narrow, pk__in=seen).order_by("-id").values_list("pk", flat=True))
        is_short = len(seen) == looked and len(chosen) < self.limit
        return rows.filter(pk__in=chosen[: self.limit]), seen[-1] if is_short else None

    def _within(self, rows: Any) -> Any:
        asked = self.asked
        if asked.since:
            rows = rows.filter(pk__gte=ids.floor(asked.since))
        if asked.until:
            rows = rows.filter(pk__lt=ids.floor(asked.until))
        return rows if asked.before is None else rows.filter(pk__lt=asked.before)

    def _ids_named(self) -> set[uuid.UUID]:
        """Uses the unique index of the dedupe keys."""
        asked = self.asked
        endpoints = WebhookEndpoint.objects.filter(workspace_id__in=asked.workspaces)
        keys = [
            receiving.dedupe_key(pk, asked.named)
            for pk in endpoints.order_by("-id").values_list("pk", flat=True)[:ENDPOINTS]
        ]
        known = Event.objects.filter(
            ~Q(dedupe_key=""),
            workspace_id__in=asked.workspaces,
            source="webhook",
            dedupe_key__in=keys,
        )
        pk = uuid_or_none(asked.named)
        return {*known.values_list("pk", flat=True), *([pk] if pk else [])}


def _owner(trigger_id: uuid.UUID) -> uuid.UUID:
    """Whose address the trigger listens at: mostly its own."""
    config = Trigger.objects.filter(pk=trigger_id).values_list("config", flat=True).first() or {}
    return uuid_or_none(str(config.get("endpoint", ""))) or trigger_id


def _with_outcome(outcome: str, reason: str) -> Q:
    """Skipped is what was handed out and nobody ran. Uses the index execution_once."""
    idle = Exists(RUNS) & ~Exists(RUNS.exclude(status=Status.SKIPPED))
    wanted = Q()
    if outcome == Outcome.SKIPPED:
        wanted &= Q(idle)
    elif outcome == Outcome.ACCEPTED:
        wanted &= ~Q(idle)
    if reason:
        wanted &= Q(Exists(RUNS.filter(status=Status.SKIPPED, reason=reason)))
    return wanted
