"""Bodies and answers of the checks and of `emit`, for the API's description."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from triggers import extracts

_EXTRACT = {
    "type": "object",
    "description": "A value that a model reads out of the event when the run begins. Where `schema` allows null, null "
    "stands for what the event does not tell; else the run fails.",
    "properties": {
        "extract": {
            "type": "string",
            "maxLength": extracts.MAX_WORDS,
            "description": "What the value is, in words.",
        },
        "schema": {"type": "object", "description": "JSON Schema of the value."},
        "context_fields": {
            "type": "array",
            "items": {"type": "string"},
            "maxItems": extracts.MAX_CONTEXT_FIELDS,
            "description": "Paths of the fields that the model sees, such as parsed.text; by default the whole event.",
        },
        "model": {
            "type": "string",
            "maxLength": extracts.MAX_MODEL,
            "description": "provider:model; by default the agent's, else the workspace's.",
        },
    },
    "required": ["extract", "schema"],
    "additionalProperties": False,
}


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {
            "anyOf": [
                {"type": "string", "description": "A JSONPath into the event, or a text."},
                _EXTRACT,
                {"description": "Any other value is taken as it is."},
            ]
        },
        "description": "Names of inputs to where their values come from.",
        "example": {
            "chat_id": "$.parsed.chat_id",
            "amount": {
                "extract": "the amount that the sender offers, in dollars",
                "schema": {"type": ["number", "null"]},
            },
        },
    }
)
class InputMapping(serializers.DictField):
    """In the API's description both forms of an entry are told."""


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
    conditions = serializers.JSONField(
        allow_null=True, help_text="A flat list of rules, or a tree."
    )
    trigger_type = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="With config: fields are held against its events.",
    )
    config = serializers.DictField(required=False, allow_null=True)
    agent_id = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="Whose model judges conditions in words that name none.",
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`try` is a word of Python's."""
        wants = serializers.BooleanField(
            required=False,
            help_text="Ask the models about the examples; needs agent_id and scope run.",
        )
        return {**super().get_fields(), "try": wants}


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
    input_mapping = InputMapping(required=False)
    default_inputs = serializers.DictField(required=False)


class ValidTrigger(serializers.Serializer[dict[str, Any]]):
    valid = serializers.BooleanField()
    config = serializers.DictField()
    conditions = serializers.DictField()
    warnings = serializers.ListField(child=serializers.CharField())


class WebhookTypeSerializer(serializers.Serializer[Any]):
    """Shape only: `triggers.uploading` says what is allowed. Of a built-in type the `id` is null."""

    is_closed = True
    id = serializers.UUIDField(read_only=True, allow_null=True)
    webhook_type = serializers.CharField(
        source="name", help_text="Its name: small letters, digits, _ and -."
    )
    parser = serializers.CharField(
        help_text="json, the name of a built-in type, or any name beside custom_parser_code."
    )
    json_schema = serializers.DictField(help_text="Of the bodies.")
    required_config_fields = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="What each trigger must give in webhook_config; kept secret.",
    )
    optional_config_fields = serializers.ListField(child=serializers.CharField(), required=False)
    default_methods = serializers.ListField(child=serializers.CharField(), required=False)
    validation_required = serializers.BooleanField(required=False)
    response_format = serializers.CharField(
        required=False, help_text="json, or the name of a built-in type."
    )
    custom_parser_code = serializers.CharField(
        required=False, allow_blank=True, help_text="Python: def parse(body, headers)."
    )
    validation_code = serializers.CharField(
        required=False, allow_blank=True, help_text="Python: def validate(body, headers, config)."
    )
    sample_payload = serializers.JSONField(required=False)
    is_builtin = serializers.BooleanField(read_only=True)
    label = serializers.CharField(read_only=True)  # type: ignore[assignment]  # the type's own word
    setup = serializers.CharField(read_only=True)
    version = serializers.IntegerField(read_only=True)
    created_by = serializers.IntegerField(source="created_by_id", read_only=True, allow_null=True)
    created_at = serializers.DateTimeField(read_only=True, allow_null=True)
    updated_at = serializers.DateTimeField(read_only=True, allow_null=True)

    def to_internal_value(self, data: Any) -> Any:
        """The body as it came: `triggers.uploading` names what is wrong."""
        return dict(data)


class UploadedType(WebhookTypeSerializer):
    """The answer to an upload or a change."""

    status = serializers.CharField(read_only=True)
    message = serializers.CharField(read_only=True)
    warnings = serializers.ListField(child=serializers.CharField(), read_only=True)


class TrialBody(serializers.Serializer[dict[str, Any]]):
    """A request as the sender would make it. `definition`: a type to try that is not stored."""

    is_closed = True
    body = serializers.JSONField(required=False, help_text="By default the sample of the type.")
    raw = serializers.CharField(required=False, help_text="In place of body: the text itself.")
    headers = serializers.DictField(child=serializers.CharField(), required=False)
    query = serializers.CharField(required=False, allow_blank=True)
    method = serializers.CharField(required=False)
    config = serializers.DictField(required=False, help_text="The trigger's webhook_config.")
    definition = serializers.DictField(required=False)


class Trial(serializers.Serializer[dict[str, Any]]):
    """What a trigger would make of it; nothing is stored."""

    accepted = serializers.BooleanField()
    status = serializers.IntegerField(help_text="What the sender would be answered.")
    error_code = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(allow_blank=True)
    details = serializers.DictField()
    parsed = serializers.DictField()
    parse_error = serializers.CharField(allow_blank=True)
    schema_valid = serializers.BooleanField(allow_null=True)
    schema_error = serializers.CharField(allow_blank=True)
    warnings = serializers.ListField(child=serializers.CharField())
