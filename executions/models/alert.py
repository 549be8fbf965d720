"""What people have to hear about."""

from __future__ import annotations

from django.conf import settings
from django.db import models

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
    TRIGGER_ERROR = "trigger_error", "Trigger in error"


class Alert(models.Model):
    """One thing that somebody should look at; `dedupe_key` keeps one cause to one row."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="alerts")
    kind = models.CharField(max_length=30, choices=AlertKind)
    message = models.TextField()
    agent = models.ForeignKey(Agent, models.SET_NULL, null=True, blank=True, related_name="+")
    trigger = models.ForeignKey(Trigger, models.SET_NULL, null=True, blank=True, related_name="+")
    execution_id = models.UUIDField(null=True, blank=True)
    dedupe_key = models.CharField(max_length=200)
    seen_at = models.DateTimeField(null=True, blank=True)
    seen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "dedupe_key"], name="alert_once")
        ]

    def __str__(self) -> str:
        return self.message
