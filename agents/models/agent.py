"""Agents: what can act."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from config.lib.ids import uuid7
from config.lib.secrets import SealedTextField
from crm.models import Workspace
from crm.models.deleting import AnnouncedModel, AnnouncedQuerySet

DEFAULT_RESTRICTIONS: dict[str, int | None] = {
    "max_executions_per_minute": 10,
    "max_executions_per_day": 100,
    "max_concurrent": None,
    "max_attempts": 3,
    "timeout_seconds": 300,
    # Of language models; a day is that of the workspace, money is US dollars.
    "max_tokens_per_run": None,
    "max_tokens_per_day": None,
    "max_cost_per_run": None,
    "max_cost_per_day": None,
}


def default_restrictions() -> dict[str, int | None]:
    return dict(DEFAULT_RESTRICTIONS)


class AgentStatus(models.TextChoices):
    DRAFT = "draft", "Draft"
    LIVE = "live", "Live"
    PAUSED = "paused", "Paused"
    ARCHIVED = "archived", "Archived"


class AgentQuerySet(AnnouncedQuerySet["Agent"]):
    def asking_models(self) -> Self:
        """Those of which `asks_models` is true."""
        talks = Q(steps=[]) & ~Q(model="")
        return self.filter(talks | Q(steps__contains=[{"action": "ask_model"}]))

    def change_status(self, pk: Any, *, to: str, now: dt.datetime) -> bool:
        """Whether this call moved the agent into the status (false: it was there already, or is gone)."""
        return self.filter(pk=pk).exclude(status=to).update(status=to, updated_at=now) == 1

    def pause_live(self, pk: Any, *, now: dt.datetime) -> bool:
        """Whether this call paused a live agent; a draft stays a draft."""
        live = self.filter(pk=pk, status=AgentStatus.LIVE)
        return live.update(status=AgentStatus.PAUSED, updated_at=now) == 1


class Agent(AnnouncedModel):
    """Runs when one of its triggers fires: a list of steps, or, without any, a language model with tools.

    `steps`: `[{"action": "create_note", "params": {...}, "on_error": "fail" | "continue"}]`.
    `model`: `provider:model`, which follows `instructions` and may use `tools` (see `agents.tools`) for `max_turns`
    turns; with `output_schema` its answer is an object of that JSON Schema. Agents with steps ask it in `ask_model`.
    Secrets in them are masks; `sealed` keeps what they stand for, encrypted (see `agents.sealing`).
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
    sealed = SealedTextField(blank=True, default="", editable=False)
    tools = models.JSONField(default=list, blank=True)
    output_schema = models.JSONField(null=True, blank=True)
    max_turns = models.PositiveSmallIntegerField(default=25, db_default=25)
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
            ),
            models.UniqueConstraint(fields=["workspace", "id"], name="agent_own"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_talk(self) -> bool:
        """Whether a language model drives it."""
        return bool(self.model) and not self.steps

    @property
    def asks_models(self) -> bool:
        """Whether a run of it asks a language model; conditions and inputs in words are their trigger's."""
        steps = self.steps if isinstance(self.steps, list) else []  # what is broken asks nobody
        asked = (step.get("action") for step in steps if isinstance(step, dict))
        return self.is_talk or "ask_model" in asked

    def limit(self, name: str) -> int | None:
        """A limit of `restrictions`; what is not said there has its default."""
        given: int | None = self.restrictions.get(name, DEFAULT_RESTRICTIONS[name])
        return given

    def money(self, name: str) -> Decimal | None:
        """A limit of money, in US dollars."""
        given = self.restrictions.get(name)
        return None if given is None else Decimal(str(given))
