"""The synthetic event of a class of workspaces, in one row."""

from __future__ import annotations

from django.db import models

from crm.models import Workspace


class Canary(models.Model):
    """When the last one was emitted, and what came of those before it; that of the last one is read from its run
    (`sql/select_canaries.sql`).

    `waits_since`: the first that was emitted since one was answered; null where none was open when the last one was
    read. `late`: how often an alert was raised.
    """

    name = models.CharField(max_length=30, primary_key=True)  # of the class
    workspace = models.OneToOneField(Workspace, models.CASCADE, related_name="+")
    event_id = models.UUIDField(null=True)
    emitted_at = models.DateTimeField(null=True)
    waits_since = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    latency_seconds = models.FloatField(null=True)
    late = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "canaries"

    def __str__(self) -> str:
        return self.name
