"""Executions and events as they are answered, with what looks like a secret taken out."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from config.lib import secrets
from executions import waiting
from executions.models import Execution, Judgement, Step, Verdict
from triggers.models import Event


class Bodies(serializers.Serializer[Any]):
    """`bodies_deleted` says since when contents are gone; they read null from then on, not empty."""

    bodies_deleted = serializers.SerializerMethodField(
        help_text="`deleted after 7 days` where the contents are gone, else null."
    )
    bodies: ClassVar[tuple[str, ...]] = ()

    def get_bodies_deleted(self, row: Execution | Event) -> str | None:
        return row.bodies_deleted or None

    def to_representation(self, row: Any) -> dict[str, Any]:
        shown = super().to_representation(row)
        if shown.get("bodies_deleted"):
            shown |= {name: None for name in self.bodies if name in shown}
        return shown


class Readable(serializers.JSONField):
    """JSON for people's eyes: values whose name says that they are secret read `[redacted]`."""

    def __init__(self) -> None:
        super().__init__(read_only=True)

    def to_representation(self, value: Any) -> Any:
        return secrets.redact(value)


class ExecutionSerializer(Bodies, serializers.ModelSerializer[Execution]):
    bodies = ("inputs", "output")
    trigger_id = serializers.UUIDField(read_only=True, allow_null=True)
    agent_id = serializers.UUIDField(read_only=True, allow_null=True)
    event_id = serializers.UUIDField(read_only=True)
    duration_ms = serializers.IntegerField(read_only=True, allow_null=True)
    execution_time_ms = serializers.IntegerField(
        source="duration_ms", read_only=True, allow_null=True
    )
    inputs = Readable()
    output = Readable()

    class Meta:
        model = Execution
        fields = (
            *("id", "is_test", "trigger_id", "trigger_name", "trigger_type", "agent_id"),
            *("agent_name", "event_id", "status", "reason", "attempt", "created_at", "run_at"),
            *("started_at", "finished_at", "duration_ms", "execution_time_ms", "error_message"),
            *("inputs", "output", "bodies_deleted", "usage", "correlation_id", "replay_of"),
        )
        read_only_fields = fields


class StepSerializer(serializers.ModelSerializer[Step]):
    request = Readable()
    response = Readable()
    earlier = Readable()
    duration_ms = serializers.IntegerField(read_only=True, allow_null=True)

    class Meta:
        model = Step
        fields = (
            *("number", "kind", "effect", "state", "attempt", "request", "response"),
            *("error_message", "usage", "decision", "started_at", "finished_at", "duration_ms"),
            "earlier",
        )
        read_only_fields = fields


class EventSerializer(Bodies, serializers.ModelSerializer[Event]):
    """Without its payload, which may be large; the event's own address has it."""

    bodies = ("payload",)

    status = serializers.CharField(source="state", read_only=True)

    class Meta:
        model = Event
        fields = (
            *("id", "type", "topic", "source", "subject", "actor", "verified", "status"),
            *("executions_count", "depth", "root_id", "parent_execution_id", "correlation_id"),
            *("occurred_at", "recorded_at", "error", "bodies_deleted"),
        )
        read_only_fields = fields


class EventWithPayload(EventSerializer):
    payload = Readable()

    class Meta:
        model = Event
        fields = (*EventSerializer.Meta.fields, "payload")
        read_only_fields = fields


class EventDetail(EventWithPayload):
    """With the executions that answered for it: who listened, who ran, who did not, and why not."""

    executions = ExecutionSerializer(source="shown_executions", many=True, read_only=True)

    class Meta:
        model = Event
        fields = (*EventWithPayload.Meta.fields, "executions")
        read_only_fields = fields


class ExecutionDetail(ExecutionSerializer):
    """Why it ran, and what it did."""

    trace = Readable()
    error = Readable()
    at_failure = Readable()
    steps = StepSerializer(many=True, read_only=True)
    event = EventWithPayload(read_only=True)
    waits_for = serializers.SerializerMethodField(
        help_text="Why a queued run has not started yet; empty where it does not wait."
    )

    judged = serializers.SerializerMethodField(
        help_text="What a model was shown and asked about the conditions, and what it answered; null once contents "
        "are deleted."
    )

    def get_judged(self, row: Execution) -> list[dict[str, Any]]:
        if row.verdict == Verdict.NONE_NEEDED:
            return []
        judgement = Judgement.objects.filter(pk=row.pk).first()
        return secrets.redact(judgement.asked) if judgement else []

    def get_waits_for(self, row: Execution) -> str:
        return waiting.why(row)

    class Meta:
        model = Execution
        fields = (
            *ExecutionSerializer.Meta.fields,
            *(
                "waits_for",
                "trace",
                "verdict",
                "judged",
                "steps",
                "event",
                "error",
                "at_failure",
                "agent_version",
                "losses",
                "worker",
            ),
            *("cancel_requested", "deadline_at"),
        )
        read_only_fields = fields

    def to_representation(self, row: Any) -> dict[str, Any]:
        shown = super().to_representation(row)
        if shown.get("bodies_deleted"):
            shown["judged"] = None
            shown["steps"] = [
                step | {"request": None, "response": None, "earlier": []} for step in shown["steps"]
            ]
        return shown
