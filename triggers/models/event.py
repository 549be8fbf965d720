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


RECENT = 2000  # events that are looked through where no index leads to those that are wanted

# What came to a webhook's address; not the further events that one delivery tells of.
DELIVERED = Q(source="webhook", topic__startswith="webhook:")


class EventQuerySet(models.QuerySet["Event"]):
    def waiting(self, limit: int) -> EventQuerySet:
        """The oldest events that no dispatcher has seen. Uses index event_new."""
        return self.filter(state=EventState.NEW).order_by("id")[:limit]

    def delivered(self) -> EventQuerySet:
        """Accepted requests to webhooks. Uses the indexes event_delivered and event_delivered_at."""
        return self.filter(DELIVERED)

    def untried(self, limit: int) -> EventQuerySet:
        """`waiting`, but nothing that was tried alone before. Uses index event_new."""
        return self.filter(state=EventState.NEW, attempts=0).order_by("id")[:limit]

    def tried(self) -> EventQuerySet:
        """New events that were tried alone, in vain. Uses index event_new."""
        return self.filter(state=EventState.NEW, attempts__gt=0)

    def alone(self, limit: int) -> list[tuple[uuid.UUID, int]]:
        """Id and attempts of what is tried one at a time, those that failed least first. Uses index event_new."""
        oldest = list(self.waiting(limit).values_list("id", "attempts"))
        return sorted(oldest, key=lambda row: (row[1], row[0]))

    def heard_at(self, topic: str, *, kind: str, limit: int) -> EventQuerySet:
        """The newest events, of one workspace, that a trigger with this topic hears; `kind`: the type that they have.

        Where topic and type differ, or the topic is a wildcard, only the newest RECENT are looked through. Uses the
        indexes event_type_newest and, for wildcards, event_own.
        """
        if topic == kind:
            return self.filter(type=kind, topic=topic).order_by("-id")[:limit]
        is_wild = topic.endswith("*")
        mine = self if is_wild else self.filter(type=kind)
        oldest = mine.order_by("-id").values("pk")[RECENT - 1 : RECENT]
        since = models.functions.Coalesce(models.Subquery(oldest), models.Value(uuid.UUID(int=0)))
        fits = Q(topic__startswith=topic[:-1]) if is_wild else Q(topic=topic)
        if topic == "*":
            fits = ~Q(topic__startswith="execution.")
        return mine.filter(fits, pk__gte=since).order_by("-id")[:limit]

    def held(self, pk: uuid.UUID) -> Event | None:
        """The event under its row's lock: nobody deletes it or its payload until the transaction ends."""
        return self.select_for_update(no_key=True).filter(pk=pk).first()

    def hold(self, ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
        """`held` for many: those that are still there."""
        rows = self.select_for_update(no_key=True).filter(pk__in=list(ids)).order_by("pk")
        return set(rows.values_list("pk", flat=True))

    def count_attempt(self, ids: Iterable[uuid.UUID]) -> int:
        return self.filter(pk__in=list(ids), state=EventState.NEW).update(
            attempts=models.F("attempts") + 1
        )

    def give_attempt_back(self, pk: uuid.UUID) -> int:
        return self.filter(pk=pk, state=EventState.NEW, attempts__gt=0).update(
            attempts=models.F("attempts") - 1
        )

    def bury(self, pk: uuid.UUID, *, error: str) -> bool:
        """Gives up on an event that failed alone too often; it stays, to be read and replayed."""
        return (
            self.filter(pk=pk, state=EventState.NEW).update(
                state=EventState.DEAD, error=error[:2000]
            )
            == 1
        )

    def revive(self, ids: Iterable[uuid.UUID]) -> int:
        """Dead events are new again; answers how many were dead."""
        dead = self.filter(pk__in=list(ids), state=EventState.DEAD)
        return dead.update(state=EventState.NEW, attempts=0, error="")


class Event(models.Model):
    """Outbox and inbox in one: written in the transaction of what caused it, taken by the dispatcher.

    `chain` holds the ids of the triggers that led here, `depth` how many runs lie between the first event and this one.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="events", db_index=False
    )  # leads event_own
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
    verified = models.BooleanField(
        default=True
    )  # false: it began with a sender that proved nothing, or it was made up for a test
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
    executions_pruned = models.PositiveIntegerField(
        db_default=0
    )  # of executions_count, those that were deleted before the event
    bodies_kept_days = models.PositiveSmallIntegerField(
        null=True, editable=False
    )  # set when the payload was deleted, after so many days
    repeat_of = models.UUIDField(
        null=True, editable=False
    )  # the event whose delivery a person sent again

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "source", "dedupe_key"],
                condition=~Q(dedupe_key=""),
                name="event_dedupe_once",
            ),
            # What executions refer to; read backwards, the history of a workspace.
            models.UniqueConstraint(fields=["workspace", "id"], name="event_own"),
        ]
        indexes = [
            models.Index(
                fields=["id"], condition=Q(state="new"), name="event_new"
            ),  # EventQuerySet.waiting
            models.Index(
                fields=["workspace", "subject", "-id"],
                condition=~Q(subject=""),
                name="event_subject",
            ),  # all of one contact
            models.Index(
                fields=["workspace", "type", "-id"], name="event_type_newest"
            ),  # history of one type
            models.Index(fields=["root_id"], name="event_root"),  # a chain
            models.Index(
                fields=["workspace", "-id"], condition=Q(state="dead"), name="event_dead"
            ),  # the dead
            models.Index(
                fields=["workspace", "-id"], condition=DELIVERED, name="event_delivered"
            ),  # executions.pages.deliveries
            models.Index(
                fields=["topic", "-id"], condition=DELIVERED, name="event_delivered_at"
            ),  # the same at one address
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"

    @property
    def is_delivery(self) -> bool:
        return self.source == "webhook" and self.topic.startswith("webhook:")

    @property
    def bodies_deleted(self) -> str:
        """`deleted after 7 days` where the payload is gone, else empty."""
        return deleted_after(self.bodies_kept_days)


def deleted_after(days: int | None) -> str:
    """How people are told that a body is gone; empty while it is there."""
    return "" if days is None else f"deleted after {days} day{'' if days == 1 else 's'}"
