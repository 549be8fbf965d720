"""Who listens."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from django.conf import settings
from django.db import models
from django.db.models import Q

from agents.models import Agent
from config.lib.ids import uuid7
from config.lib.secrets import EncryptedTextField
from crm.models import Workspace
from crm.models.deleting import AnnouncedModel, AnnouncedQuerySet
from triggers.models.webhook_type import OwnWebhookType

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

TYPE_NAME = r"^[a-z][a-z0-9_]{0,19}$"


class TriggerType(models.TextChoices):
    """The types that come with Triggerfish, for programs. What exists is what `triggers.sources.registry` holds."""

    EVENT = "event", "CRM or application event"
    CUSTOM = "custom", "Custom event"
    CRON = "cron", "Schedule"
    WEBHOOK = "webhook", "Webhook"
    AGENT_COMPLETED = "agent_completed", "End of another agent"
    MESSAGE_QUEUE = "message_queue", "Message queue"
    FILE_WATCH = "file_watch", "Files"
    MCP_EVENT = "mcp_event", "MCP server"
    MANUAL = "manual", "Run by hand"


class TriggerStatus(models.TextChoices):
    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    ERROR = "error", "Error"


class TriggerFields(TypedDict, total=False):
    """What `create_from` takes: the fields of REST, by the same names and with the same defaults."""

    name: str
    description: str
    agent_id: uuid.UUID | str
    pipeline_id: uuid.UUID | str  # another name of agent_id
    trigger_type: str
    config: dict[str, Any]
    conditions: list[Any] | dict[str, Any]
    input_mapping: dict[str, Any]
    default_inputs: dict[str, Any]
    task_parameters: dict[str, Any]  # another name of default_inputs
    enabled: bool
    is_active: bool  # another name of enabled
    max_concurrent: int | None
    cooldown_seconds: int
    ignore_cooldown: bool
    allow_reentry: bool
    fail_open: bool
    max_age_seconds: int | None
    max_executions_per_hour: int | None
    failure_threshold: int
    examples_pass_rate: float
    created_by: AbstractBaseUser | None


class TriggerQuerySet(AnnouncedQuerySet["Trigger"]):
    def listening_for(self, topics: Iterable[tuple[uuid.UUID, str]]) -> TriggerQuerySet:
        """Triggers of any status whose topic hears one of these (workspace, topic) pairs, wildcards included.

        An exact topic hears itself; `policy.*` hears `policy.approved`; `*` hears all but `execution.*`. Uses index
        trigger_topic.
        """
        wanted: dict[uuid.UUID, set[str]] = {}
        for workspace_id, topic in topics:
            wanted.setdefault(workspace_id, set()).update(heard_by(topic))
        query = Q(pk__in=())
        for workspace_id, names in wanted.items():
            query |= Q(workspace_id=workspace_id, topic__in=names)
        return self.filter(query)

    def create_from(
        self, *, workspace: Workspace, **fields: Unpack[TriggerFields]
    ) -> tuple[Trigger, list[str]]:
        """Makes a trigger as REST does: everything is checked, secrets of the configuration are sealed.

            trigger, warnings = Trigger.objects.create_from(
                workspace=acme,
                name="Big deals",
                agent_id=agent.pk,
                trigger_type=TriggerType.EVENT,
                config={"event_type": "deal_stage_updated"},
                conditions=[{"field": "deal.value", "operator": "greater_than", "value": 10_000}],
            )

        `warnings`: what is allowed and yet probably not meant. Raises `triggers.problems.InvalidTrigger`, whose
        `problems` are messages by field (`config.event_type`), or its kind NameTaken; and TypeError for a field that
        does not exist. Nothing is stored then. It joins the transaction that is open.
        """
        from triggers import creating  # it stands above: this is only its door

        return creating.create(workspace, fields)

    def fail(self, pk: uuid.UUID, *, message: str) -> bool:
        """Puts an active trigger into error; whether this call did."""
        mine = self.filter(pk=pk, status=TriggerStatus.ACTIVE)
        return mine.update(status=TriggerStatus.ERROR, last_error=message) == 1

    def visible(self) -> TriggerQuerySet:
        """Without the built-in manual triggers that every agent owns."""
        return self.filter(is_builtin=False)


def heard_by(topic: str) -> set[str]:
    """Every stored topic that hears this one: itself and its prefixes ending in `*`, cut at `.`, `:` and `_`.

    A bare `*` does not hear of executions: what runs on everything would else hear of itself.
    """
    names = {topic} if topic.startswith("execution.") else {topic, "*"}
    for index, letter in enumerate(topic):
        if letter in ".:_":
            names.add(f"{topic[: index + 1]}*")
    return names


class Trigger(AnnouncedModel):
    """Runs an agent when an event of its topic happens and its conditions are met.

    `conditions` is the canonical tree of `triggers.conditions`. Figures that change with each run are on
    `executions.TriggerGate`, so that `version` and `updated_at` move only with configuration.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="triggers")
    agent = models.ForeignKey(Agent, models.CASCADE, related_name="triggers", db_constraint=False)
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True, default="", max_length=5000)
    trigger_type = models.CharField(
        max_length=20
    )  # of `triggers.sources.registry`, when it was set
    config = models.JSONField(default=dict, blank=True)
    sealed = EncryptedTextField(
        blank=True, default="", editable=False
    )  # secrets of the configuration, as JSON
    own_type = models.ForeignKey(
        OwnWebhookType,
        models.RESTRICT,
        related_name="triggers",
        null=True,
        blank=True,
        editable=False,
        db_constraint=False,
    )  # of webhooks from a sender that the workspace described; a type in use stays
    topic = models.CharField(max_length=300, editable=False)
    conditions = models.JSONField(default=dict, blank=True)
    input_mapping = models.JSONField(default=dict, blank=True)
    default_inputs = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=10, choices=TriggerStatus, default=TriggerStatus.ACTIVE)
    last_error = models.TextField(blank=True, default="", max_length=2000)
    max_concurrent = models.PositiveIntegerField(null=True, blank=True)
    cooldown_seconds = models.PositiveIntegerField(default=0)
    ignore_cooldown = models.BooleanField(default=False)
    allow_reentry = models.BooleanField(default=False)
    # Whether it runs where the model that judges its conditions cannot be asked.
    fail_open = models.BooleanField(default=False, db_default=False)
    max_age_seconds = models.PositiveIntegerField(null=True, blank=True)
    max_executions_per_hour = models.PositiveIntegerField(null=True, blank=True, default=60)
    failure_threshold = models.PositiveIntegerField(default=5)
    examples_pass_rate = models.FloatField(
        default=1.0, db_default=1.0
    )  # 0 to 1, to begin to listen
    waits_for_examples = models.BooleanField(
        default=False, db_default=False, editable=False
    )  # paused; listens as soon as they were tried and pass
    is_builtin = models.BooleanField(default=False, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TriggerQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="trigger_own"),
            models.UniqueConstraint(
                fields=["workspace", "name"],
                condition=Q(is_builtin=False),
                name="trigger_name_once",
                violation_error_message="A trigger with this name exists already.",
            ),
            models.UniqueConstraint(
                fields=["agent"], condition=Q(is_builtin=True), name="trigger_builtin_once"
            ),
            models.CheckConstraint(
                condition=Q(trigger_type__regex=TYPE_NAME), name="trigger_type_well_formed"
            ),
            models.CheckConstraint(
                condition=Q(status__in=TriggerStatus.values), name="trigger_status_known"
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "topic"], name="trigger_topic"),  # listening_for
            models.Index(
                fields=["trigger_type", "status"], name="trigger_type_status"
            ),  # lists, metrics
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def enabled(self) -> bool:
        return self.status == TriggerStatus.ACTIVE
