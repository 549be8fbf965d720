"""Deleting what nobody needs any more, in small batches."""

from __future__ import annotations

import datetime as dt

from django.db.models import Exists, OuterRef, Q

from config.lib import clock, ids
from executions.models import TERMINAL, AgentStart, Execution
from triggers.models import Event, EventState

BATCH = 5_000
EVENT_BATCH = 500  # with their executions and steps
KEEP_STARTS = dt.timedelta(hours=50)  # the longest day that a gate counts has 25 hours
KEEP_EVENTS = dt.timedelta(days=30)


def prune() -> int:
    """Starts that no gate counts any more, and old events with all that came of them; answers how many rows."""
    now = clock.now()
    return _prune_starts(now) + _prune_events(now)


def _prune_starts(now: dt.datetime) -> int:
    old = AgentStart.objects.filter(at__lt=now - KEEP_STARTS)
    deleted = 0
    while batch := list(old.values_list("pk", flat=True)[:BATCH]):
        deleted += AgentStart.objects.filter(pk__in=batch).delete()[0]
    return deleted


def _prune_events(now: dt.datetime) -> int:
    """Events of more than 30 days ago, found by their ids. What has not ended, or was replayed since, stays."""
    before = now - KEEP_EVENTS
    needed = Execution.objects.filter(~Q(status__in=TERMINAL) | Q(created_at__gte=before))
    old = Event.objects.filter(
        ~Exists(needed.filter(event_id=OuterRef("pk"))),
        pk__lt=ids.floor(before),
        state__in=[EventState.MATCHED, EventState.DEAD],
    ).order_by("pk")
    deleted = 0
    while batch := list(old.values_list("pk", flat=True)[:EVENT_BATCH]):
        deleted += Event.objects.filter(pk__in=batch).delete()[0]
    return deleted
