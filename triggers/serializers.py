"""Bodies and answers of the checks and of `emit`, for the API's description."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class Emission(serializers.Serializer[dict[str, Any]]):
    endpoint = serializers.CharField(max_length=100)
    data = serializers.DictField()  # type: ignore[assignment]  # the body's own word; nothing is parsed with this class
    dedupe_key = serializers.CharField(
        required=False,
        max_length=150,
        help_text="The same key on the same endpoint is recorded once.",
    )


class Emitted(serializers.Serializer[dict[str, Any]]):
    event_id = serializers.UUIDField()


class EmittedList(serializers.Serializer[dict[str, Any]]):
    """In the order of the list that was sent."""

    event_ids = serializers.ListField(child=serializers.UUIDField())


class ConditionsBody(serializers.Serializer[dict[str, Any]]):
    conditions = serializers.JSONField(help_text="A flat list of rules, or a tree.")
    trigger_type = serializers.CharField(
        required=False, help_text="With config: fields are held against its events."
    )
    config = serializers.DictField(required=False)


class ValidConditions(serializers.Serializer[dict[str, Any]]):
    valid = serializers.BooleanField()
    canonical = serializers.DictField()
    warnings = serializers.ListField(child=serializers.CharField())


class CronBody(serializers.Serializer[dict[str, Any]]):
    cron_expression = serializers.CharField(help_text="Five fields, or @daily and its kin.")
    timezone = serializers.CharField(required=False, default="UTC", help_text="An IANA name.")


class Fire(serializers.Serializer[dict[str, Any]]):
    local = serializers.CharField(help_text="By the clock of the zone, with its offset.")
    utc = serializers.DateTimeField()


class ValidCron(serializers.Serializer[dict[str, Any]]):
    valid = serializers.BooleanField()
    description = serializers.CharField(help_text="The expression in words.")
    next = Fire(many=True, help_text="The next five fires.")


class TriggerBody(serializers.Serializer[dict[str, Any]]):
    """The body of a create; `id` where a change of a stored trigger is meant."""

    id = serializers.UUIDField(required=False)
    name = serializers.CharField()
    agent_id = serializers.UUIDField()
    trigger_type = serializers.CharField()
    config = serializers.DictField(required=False)
    conditions = serializers.JSONField(required=False)
    input_mapping = serializers.DictField(required=False)
    default_inputs = serializers.DictField(required=False)


class ValidTrigger(serializers.Serializer[dict[str, Any]]):
    valid = serializers.BooleanField()
    config = serializers.DictField()
    conditions = serializers.DictField()
    warnings = serializers.ListField(child=serializers.CharField())
