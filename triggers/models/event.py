"""What happened."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.db import models
from django.db.models import Q

from config.lib.ids import uuid7
from crm.models import Workspace


class EventState(models.TextChoices):
    NEW = "new", "New"
    MATCHED = "matched", "Matched"
    DEAD = "dead", "Dead"


class EventQuerySet(models.QuerySet["Event"]):
    def waiting(self, limit: int) -> EventQuerySet:
        """The oldest events that no dispatcher has seen. Uses index event_new."""
        return self.filter(state=EventState.NEW).order_by("id")[:limit]

    def count_attempt(self, ids: Iterable[uuid.UUID]) -> int:
        return self.filter(pk__in=list(ids), state=EventState.NEW).update(
            attempts=models.F("attempts") + 1
        )

    def bury(self, pk: uuid.UUID, *, error: str) -> bool:
        """Gives up on an event that failed alone too often; it stays, to be read and replayed."""
        return (
            self.filter(pk=pk, state=EventState.NEW).update(
                state=EventState.DEAD, error=error[:2000]
            )
            == 1
        )

    def revive(self, pk: uuid.UUID) -> bool:
        return (
            self.filter(pk=pk, state=EventState.DEAD).update(
                state=EventState.NEW, attempts=0, error=""
            )
            == 1
        )


class Event(models.Model):
    """Outbox and inbox in one: written in the transaction of what caused it, taken by the dispatcher.

    `chain` holds the ids of the triggers that led here, `depth` how many runs lie between the first event and this one.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="events", db_index=False
    )  # leads event_newest
    type = models.CharField(max_length=200)
    topic = models.CharField(max_length=300)
    source = models.CharField(max_length=50)
    subject = models.CharField(
        max_length=100, blank=True, default=""
    )  # contact:<id>, deal:<id>, form:<id>
    dedupe_key = models.CharField(max_length=255, blank=True, default="")
    payload = models.JSONField(default=dict)
    actor = models.CharField(
        max_length=100, blank=True, default="system"
    )  # user:<id>, token:<id>, agent:<id>, system
    verified = models.BooleanField(default=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=models.functions.Now())
    root_id = models.UUIDField()
    parent_execution_id = models.UUIDField(null=True, blank=True)
    depth = models.PositiveSmallIntegerField(default=0)
    chain = models.JSONField(default=list, blank=True)
    correlation_id = models.CharField(max_length=64, blank=True, default="")
    state = models.CharField(max_length=8, choices=EventState, default=EventState.NEW)
    attempts = models.PositiveSmallIntegerField(default=0)
    executions_count = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, default="")

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "source", "dedupe_key"],
                condition=~Q(dedupe_key=""),
                name="event_dedupe_once",
            )
        ]
        indexes = [
            models.Index(
                fields=["id"], condition=Q(state="new"), name="event_new"
            ),  # EventQuerySet.waiting
            models.Index(fields=["workspace", "-id"], name="event_newest"),  # history
            models.Index(
                fields=["workspace", "subject", "-id"],
                condition=~Q(subject=""),
                name="event_subject",
            ),  # all of one contact
            models.Index(
                fields=["workspace", "type", "-id"], name="event_type_newest"
            ),  # history of one type
            models.Index(fields=["root_id"], name="event_root"),  # a chain
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"
