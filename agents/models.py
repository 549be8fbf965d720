"""Agents: what can act."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import models

from config.lib.ids import uuid7
from crm.models import Workspace

DEFAULT_RESTRICTIONS: dict[str, int | None] = {
    "max_executions_per_minute": 10,
    "max_executions_per_day": 100,
    "max_concurrent": None,
    "max_attempts": 3,
    "timeout_seconds": 300,
}


def default_restrictions() -> dict[str, int | None]:
    return dict(DEFAULT_RESTRICTIONS)


class AgentStatus(models.TextChoices):
    DRAFT = "draft", "Draft"
    LIVE = "live", "Live"
    PAUSED = "paused", "Paused"
    ARCHIVED = "archived", "Archived"


class AgentQuerySet(models.QuerySet["Agent"]):
    def change_status(self, pk: Any, *, to: str, now: dt.datetime) -> bool:
        """Whether this call moved the agent into the status (false: it was there already, or is gone)."""
        return self.filter(pk=pk).exclude(status=to).update(status=to, updated_at=now) == 1


class Agent(models.Model):
    """A list of steps that runs when one of its triggers fires.

    `steps`: `[{"action": "create_note", "params": {...}, "on_error": "fail" | "continue"}]`.
    `restrictions`: the limits of `DEFAULT_RESTRICTIONS`; null is unlimited. `version` counts the
    changes of configuration; an execution remembers the one it ran with.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="agents")
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True, default="", max_length=5000)
    status = models.CharField(max_length=10, choices=AgentStatus, default=AgentStatus.DRAFT)
    instructions = models.TextField(blank=True, default="", max_length=50_000)
    model = models.CharField(max_length=200, blank=True, default="")
    steps = models.JSONField(default=list, blank=True)
    tools = models.JSONField(default=list, blank=True)
    restrictions = models.JSONField(default=default_restrictions, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AgentQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"],
                name="agent_name_once",
                violation_error_message="An agent with this name exists already.",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def limit(self, name: str) -> int | None:
        """A limit of `restrictions`; what is not said there has its default."""
        given: int | None = self.restrictions.get(name, DEFAULT_RESTRICTIONS[name])
        return given
