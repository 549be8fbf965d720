"""A trigger as it is answered: its configuration, and the figures that its gate keeps."""

from __future__ import annotations

import datetime as dt
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from executions.serializers.examples import Examples
from executions.serializers.recovery import ReplayTold
from triggers import activation, sources
from triggers.models import Trigger, TriggerStatus
from triggers.plain_fields import LONGEST_SECONDS, MOST_AT_ONCE, MOST_FAILURES, MOST_PER_HOUR
from triggers.serializers import InputMapping
from triggers.sources import webhook

FIGURES = (
    "consecutive_failures",
    "last_execution_at",
    "total_executions",
    "successful_executions",
    "failed_executions",
)


class Figure(serializers.IntegerField):
    """A number of the trigger's gate; nothing has happened yet where there is no gate."""

    def __init__(self) -> None:
        super().__init__(read_only=True)

    def get_attribute(self, instance: Trigger) -> Any:
        return getattr(getattr(instance, "gate", None), str(self.field_name), 0)


class TypeOfTrigger(serializers.CharField):
    """A type, as a text: a stored trigger may have one that is not installed any more."""


class TypeOfTriggerSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # not typed there
    """What may be given is what is registered when the schema is made."""

    target_class = TypeOfTrigger

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        if direction == "response":
            return {"type": "string"}
        return {"type": "string", "enum": [*sources.registry, *sorted(sources.aliases)]}


class TriggerSerializer(serializers.Serializer[Trigger]):
    """Shape only: what is allowed is decided by `triggers.blueprint`, for REST and admin alike."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(max_length=255)
    description = serializers.CharField(required=False, max_length=5000)
    agent_id = serializers.UUIDField()
    pipeline_id = serializers.UUIDField(
        source="agent_id", required=False, help_text="Alias of agent_id."
    )
    agent_name = serializers.CharField(source="agent.name", read_only=True)
    trigger_type = TypeOfTrigger(help_text="One of those that this installation has.")
    config = serializers.DictField(required=False)
    conditions = serializers.JSONField(
        required=False, help_text="A flat list of rules, or a tree; answered as a tree."
    )
    input_mapping = InputMapping(required=False)
    default_inputs = serializers.DictField(required=False)
    task_parameters = serializers.DictField(
        source="default_inputs", required=False, help_text="Alias of default_inputs."
    )
    enabled = serializers.BooleanField(required=False)
    is_active = serializers.BooleanField(
        source="enabled", required=False, help_text="Alias of enabled."
    )
    status = serializers.ChoiceField(choices=TriggerStatus.choices, read_only=True)
    last_error = serializers.CharField(read_only=True)
    max_concurrent = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MOST_AT_ONCE
    )
    cooldown_seconds = serializers.IntegerField(
        required=False, min_value=0, max_value=LONGEST_SECONDS
    )
    ignore_cooldown = serializers.BooleanField(required=False)
    allow_reentry = serializers.BooleanField(required=False)
    fail_open = serializers.BooleanField(
        required=False,
        help_text="Run where the model that judges the conditions cannot be asked. An answer that says no, or makes "
        "no sense, never runs.",
    )
    max_age_seconds = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=LONGEST_SECONDS
    )
    max_executions_per_hour = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MOST_PER_HOUR
    )
    failure_threshold = serializers.IntegerField(
        required=False, min_value=1, max_value=MOST_FAILURES
    )
    examples_pass_rate = serializers.FloatField(
        required=False,
        min_value=0,
        max_value=1,
        help_text="The share of its examples that each condition in words must have right, to be enabled.",
    )
    examples = serializers.SerializerMethodField()
    consecutive_failures = Figure()
    last_execution_at = serializers.DateTimeField(
        source="gate.last_execution_at", read_only=True, allow_null=True
    )
    next_run_time = serializers.SerializerMethodField(
        help_text="Of schedules; null for the other types."
    )
    webhook_url = serializers.SerializerMethodField(
        help_text="Of webhooks; null for the other types."
    )
    total_executions = Figure()
    successful_executions = Figure()
    failed_executions = Figure()
    is_builtin = serializers.BooleanField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)
    created_by = serializers.IntegerField(source="created_by_id", read_only=True, allow_null=True)

    def to_internal_value(self, data: Any) -> Any:
        """The body as it came: `triggers.blueprint` names what is wrong, aliases and all."""
        return dict(data)

    @extend_schema_field(Examples)
    def get_examples(self, trigger: Trigger) -> dict[str, Any]:
        return activation.told(trigger)

    def get_next_run_time(self, trigger: Trigger) -> dt.datetime | None:
        schedule = getattr(trigger, "schedule", None)
        return schedule.next_fire_at if schedule else None

    def get_webhook_url(self, trigger: Trigger) -> str | None:
        """Masked: the audit trail and lists are made of this; `/webhook-url` answers it in full."""
        return webhook.url(trigger, in_full=False)


class StoredTrigger(TriggerSerializer):
    """The answer to a change: what is allowed and yet probably not meant stands in `warnings`."""

    warnings = serializers.ListField(child=serializers.CharField(), read_only=True)


class ResumeTrigger(serializers.Serializer[dict[str, Any]]):
    replay_skipped = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Also run what was skipped since the trigger stopped in error.",
    )


class ResumedTrigger(TriggerSerializer):
    """With `replay_skipped`, also what came of the replay."""

    replayed = ReplayTold(required=False)


class WebhookUrl(serializers.Serializer[dict[str, Any]]):
    """In full with the scope `secrets`, else masked."""

    webhook_url = serializers.CharField()


class Payload(serializers.Serializer[dict[str, Any]]):
    """`event`: the payload to try with; by default a sample of the trigger's type."""

    is_closed = True
    event = serializers.DictField(required=False, allow_null=True)


class DryRunAsked(Payload):
    """`ask_model`: let a model judge conditions in words; else such a run answers `would_run` null."""

    ask_model = serializers.BooleanField(required=False, default=False)


class DryRun(serializers.Serializer[dict[str, Any]]):
    would_run = serializers.BooleanField(
        allow_null=True,
        help_text="Null where it is for a model to say (reason `pending`), or for a person (`unsure`).",
    )
    reason = serializers.CharField(allow_blank=True)
    note = serializers.CharField(allow_blank=True)
    trace = serializers.ListField(child=serializers.DictField())
    inputs = serializers.DictField()


class Started(serializers.Serializer[dict[str, Any]]):
    execution_id = serializers.UUIDField()


class Check(serializers.Serializer[dict[str, Any]]):
    check = serializers.CharField()
    ok = serializers.BooleanField()
    message = serializers.CharField()


class ScheduleState(serializers.Serializer[dict[str, Any]]):
    """When it fires, and what became of the last fires."""

    status = serializers.ChoiceField(
        choices=["running", "not_running"], help_text="not_running: off, or past its end."
    )
    description = serializers.CharField()
    cron_expression = serializers.CharField()
    timezone = serializers.CharField()
    next_fire_at = serializers.DateTimeField(allow_null=True)
    last_fired_at = serializers.DateTimeField(allow_null=True)
    last_scheduled_for = serializers.DateTimeField(allow_null=True)
    lateness_ms = serializers.IntegerField(
        allow_null=True, help_text="Of the last fire, from the moment that it was planned for."
    )
    missed = serializers.IntegerField(help_text="Since the last fire.")
    missed_before_last = serializers.IntegerField(help_text="Between the last two fires.")
    missed_total = serializers.IntegerField()


class SourceState(serializers.Serializer[dict[str, Any]]):
    """How it goes with what a listener watches."""

    works = serializers.BooleanField()
    works_since = serializers.DateTimeField(allow_null=True)
    failures = serializers.IntegerField(help_text="In a row.")
    failing_since = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField(allow_blank=True)
    note = serializers.CharField(
        allow_blank=True, help_text="It works, but not as it should, and why."
    )
    received = serializers.IntegerField()
    last_event_at = serializers.DateTimeField(allow_null=True)
    lag_ms = serializers.IntegerField(allow_null=True, help_text="Of the newest event.")
    waiting = serializers.IntegerField(allow_null=True, help_text="At the source, where it says.")


class DeadLetterSerializer(serializers.Serializer[Any]):
    """A message that could not be made an event."""

    id = serializers.UUIDField()
    key = serializers.CharField(help_text="What the message is known by at its queue.")
    tries = serializers.IntegerField()
    error = serializers.CharField()
    headers = serializers.DictField()
    body = serializers.CharField(help_text="Its beginning, as text.")
    size = serializers.IntegerField(help_text="Of the whole body, in bytes.")
    at = serializers.DateTimeField()


class DeadLetters(serializers.Serializer[dict[str, Any]]):
    results = DeadLetterSerializer(many=True)
    count = serializers.IntegerField()


class TriggerState(serializers.Serializer[dict[str, Any]]):
    """Whether an event would run the agent now, and all that speaks against it."""

    trigger_id = serializers.UUIDField()
    enabled = serializers.BooleanField()
    is_active = serializers.BooleanField()
    status = serializers.ChoiceField(choices=TriggerStatus.choices)
    last_error = serializers.CharField(allow_blank=True)
    is_ready = serializers.BooleanField()
    in_cooldown = serializers.BooleanField()
    cooldown_until = serializers.DateTimeField(allow_null=True)
    last_execution = serializers.DateTimeField(allow_null=True)
    next_run_time = serializers.DateTimeField(allow_null=True)
    schedule = ScheduleState(allow_null=True)
    source = SourceState(allow_null=True, help_text="Of queues, files and MCP servers.")  # type: ignore[assignment]
    agent_status = serializers.CharField()
    queued_executions = serializers.IntegerField()
    running_executions = serializers.IntegerField()
    total_executions = serializers.IntegerField()
    successful_executions = serializers.IntegerField()
    failed_executions = serializers.IntegerField()
    consecutive_failures = serializers.IntegerField()
    diagnosis = Check(many=True)
