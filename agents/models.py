"""Agents: what can act."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models

from config.lib.ids import uuid7
from config.lib.secrets import EncryptedTextField, SealedTextField
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

    def limit(self, name: str) -> int | None:
        """A limit of `restrictions`; what is not said there has its default."""
        given: int | None = self.restrictions.get(name, DEFAULT_RESTRICTIONS[name])
        return given

    def money(self, name: str) -> Decimal | None:
        """A limit of money, in US dollars."""
        given = self.restrictions.get(name)
        return None if given is None else Decimal(str(given))


class ModelProvider(models.Model):
    """Where a workspace's language models are asked: `name` is what stands before the colon of `provider:model`.

    `kind` is the wire that it speaks, as pydantic-ai names it (`openai`, `anthropic`, `google`, ...), or
    `openai-compatible` for any server of that wire at `base_url`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="model_providers", db_index=False
    )
    name = models.CharField(max_length=50)
    kind = models.CharField(max_length=50)
    base_url = models.CharField(max_length=500, blank=True, default="")
    api_key = EncryptedTextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"],
                name="model_provider_once",
                violation_error_message="A provider with this name exists already.",
            )
        ]

    def __str__(self) -> str:
        return self.name


class ModelPrice(models.Model):
    """What a model costs, in US dollars; it goes before what is generally known of the model."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="model_prices", db_index=False
    )
    model = models.CharField(
        max_length=200, help_text="As agents write it: provider:model, such as openai:gpt-5.6."
    )
    input_per_million = models.DecimalField(
        "dollars per million tokens read",
        max_digits=10,
        decimal_places=4,
        validators=[MinValueValidator(0)],
    )
    output_per_million = models.DecimalField(
        "dollars per million tokens written",
        max_digits=10,
        decimal_places=4,
        validators=[MinValueValidator(0)],
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["model"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "model"],
                name="model_price_once",
                violation_error_message="This model has a price already.",
            )
        ]

    def __str__(self) -> str:
        return self.model


class FailingHostQuerySet(models.QuerySet["FailingHost"]):
    def away(self) -> FailingHostQuerySet:
        """Those that are not called now, and those whose held work is going back."""
        return self.filter(models.Q(open_until__isnull=False) | models.Q(is_returning=True))

    def take_probe(self, pk: Any, *, now: dt.datetime, until: dt.datetime) -> bool:
        """Whether this caller is the one that may ask the host again now; `until` for the next, should it die."""
        return self.filter(pk=pk, open_until__lte=now).update(open_until=until) == 1

    def heal(self, pk: Any) -> bool:
        """The host answered: its failures are forgotten, and what was held for it may go back."""
        mine = self.filter(models.Q(failures__gt=0) | models.Q(open_until__isnull=False), pk=pk)
        was_open = models.Q(open_until__isnull=False)
        returning = models.Case(
            models.When(was_open, then=models.Value(True)), default=models.F("is_returning")
        )
        return mine.update(failures=0, trips=0, is_returning=returning, open_until=None) == 1


class FailingHost(models.Model):
    """A host outside that failed a workspace's last calls; one that is well has no row.

    `open_until` set: it is away and not called before that moment, then by one run that is sent ahead.
    `is_returning`: it answered again, and the runs that were held for it go back little by little.
    Each workspace has rows of its own: what one does to a host is no other's business.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="failing_hosts", db_index=False
    )
    host = models.CharField(max_length=300)  # "api.example.org:443"
    failures = models.PositiveIntegerField(default=0)  # in a row
    trips = models.PositiveSmallIntegerField(default=0)  # how often it was asked again in vain
    error = models.TextField(blank=True, default="")  # the last one
    failed_at = models.DateTimeField(null=True)
    away_since = models.DateTimeField(null=True)
    open_until = models.DateTimeField(null=True)
    is_returning = models.BooleanField(default=False)
    return_rate = models.FloatField(null=True)  # held runs per second that go back
    return_spread = models.FloatField(
        default=1.0
    )  # seconds over which those that go back together call
    released_at = models.DateTimeField(null=True)  # when some went back, or one was sent ahead

    objects = FailingHostQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "host"], name="failing_host_once")
        ]

    def __str__(self) -> str:
        return self.host

    @property
    def name(self) -> str:
        """Without the port, as people say it."""
        return self.host.rpartition(":")[0] or self.host
