"""What people have to hear about."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models.functions import Coalesce, Now

from agents.models import Agent
from config.lib.ids import uuid7
from crm.models import Workspace
from triggers.models import Trigger


class AlertKind(models.TextChoices):
    DAILY_LIMIT = "daily_limit", "Daily limit reached"
    LOOP = "loop", "Loop stopped"
    POISON = "poison", "Poison run"
    DEAD_EVENT = "dead_event", "Dead event"
    INTERRUPTED = "interrupted", "In doubt"
    APPROVAL = "approval", "Waits for approval"
    BUDGET = "budget", "Budget of a model"
    MODEL = "model", "A model cannot be asked"
    TRIGGER_ERROR = "trigger_error", "Trigger in error"
    EXAMPLES = "examples", "Examples of a condition fail"
    HOST_AWAY = "host_away", "A host is away"
    QUEUE_FULL = "queue_full", "Queue full"
    LAG = "lag", "Events are answered late"


class AlertQuerySet(models.QuerySet["Alert"]):
    def shown_to(self, user: User, *, within: Workspace) -> AlertQuerySet:
        """Those of the workspace; to superusers also what the system says of itself."""
        mine = models.Q(workspace=within)
        if user.is_superuser:
            mine |= models.Q(workspace__is_system=True)
        return self.filter(mine)

    def count_again(self, workspace_id: Any, dedupe_key: str, *, times: int) -> int:
        """What is open happened once more. Uses the index alert_once."""
        mine = self.filter(workspace_id=workspace_id, dedupe_key=dedupe_key, resolved_at=None)
        return mine.update(times=models.F("times") + times, last_at=Now())

    def see(self, *, user_id: int | None, now: dt.datetime) -> int:
        """Marks what nobody has seen; the first one who did is kept."""
        return self.filter(seen_at=None).update(seen_at=now, seen_by_id=user_id)

    def resolve(self, *, user_id: int | None, now: dt.datetime) -> int:
        """Closes what is open; whoever resolves an alert has seen it too."""
        open_ones = self.filter(resolved_at=None)
        return open_ones.update(
            resolved_at=now,
            resolved_by_id=user_id,
            seen_at=Coalesce("seen_at", now),
            seen_by_id=Coalesce("seen_by_id", user_id),
        )


class Alert(models.Model):
    """One thing that somebody should look at; `dedupe_key` keeps one cause to one open row.

    Somebody has seen it; somebody has resolved it, and from then on the same cause raises a new one. `mailed_at` says
    that the workspace's owners and admins were written to, `mail_tried_at` when that was last begun.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="alerts")
    kind = models.CharField(max_length=30, choices=AlertKind)
    message = models.TextField()
    agent = models.ForeignKey(
        Agent, models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False
    )
    trigger = models.ForeignKey(
        Trigger, models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False
    )
    execution_id = models.UUIDField(null=True, blank=True)
    dedupe_key = models.CharField(max_length=200)
    cause = models.CharField(max_length=200, blank=True, default="")  # of letters: one an hour
    times = models.PositiveIntegerField(default=1, db_default=1)  # that it happened while open
    last_at = models.DateTimeField(null=True, blank=True)  # when it last happened again
    seen_at = models.DateTimeField(null=True, blank=True)
    seen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    mailed_at = models.DateTimeField(null=True, blank=True)
    mail_tried_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=models.functions.Now())

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "dedupe_key"],
                condition=models.Q(resolved_at=None),
                name="alert_once",
            )
        ]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="alert_newest"),  # lists
            models.Index(
                fields=["kind"], condition=models.Q(resolved_at=None), name="alert_open"
            ),  # alerts.open_ones
            models.Index(
                fields=["workspace", "created_at"],
                condition=models.Q(mailed_at=None),
                name="alert_unmailed",
            ),  # alert_mail
            models.Index(
                fields=["workspace", "mailed_at"],
                condition=~models.Q(mailed_at=None),
                name="alert_mailed",
            ),  # alert_mail: what was written about lately
            models.Index(
                fields=["workspace", "resolved_at"],
                condition=~models.Q(resolved_at=None),
                name="alert_resolved",
            ),  # prune
        ]

    def __str__(self) -> str:
        return self.message
