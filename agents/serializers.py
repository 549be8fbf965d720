"""Agents and actions as they are answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents import blueprint, exposure, tools, validation
from agents.actions import Effect
from agents.llm import providers
from agents.models import DEFAULT_RESTRICTIONS, Agent, AgentStatus, ModelProvider
from agents.steps import MAX_STEPS, ON_ERROR
from agents.tools import MAX_TOOLS

_STEPS = {
    "type": "array",
    "maxItems": MAX_STEPS,
    "items": {
        "type": "object",
        "required": ["action"],
        "properties": {
            "action": {"type": "string", "description": "A name of GET /api/v1/actions."},
            "params": {
                "type": "object",
                "description": "As the action's schema says; texts may hold @variables.",
            },
            "on_error": {"type": "string", "enum": list(ON_ERROR), "default": "fail"},
            "needs_approval": {"type": "boolean", "default": False},
        },
    },
}
_RESTRICTIONS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        name: {
            "type": "number" if name in validation.MONEY else "integer",
            "nullable": name not in validation.NEVER_UNLIMITED,
            "minimum": 0 if name in validation.MONEY else 1,
            "maximum": most,
            **({"exclusiveMinimum": True} if name in validation.MONEY else {}),
            "default": DEFAULT_RESTRICTIONS[name],
        }
        for name, most in validation.CAPS.items()
    },
}


@extend_schema_field(_STEPS)
class StepsField(serializers.JSONField):
    """The steps in their order. A secret in them, such as the header Authorization, is answered as a mask,
    `[secret:…]`; sent back at its place, the mask keeps the secret.
    """


_TOOLS = {
    "type": "array",
    "maxItems": MAX_TOOLS,
    "items": {
        "oneOf": [
            {"type": "string", "description": "A name of GET /api/v1/actions."},
            {
                "type": "object",
                "required": ["action"],
                "properties": {
                    "action": {"type": "string"},
                    "params": {
                        "type": "object",
                        "description": "Fixed; the model cannot change them.",
                    },
                    "free": {
                        "type": "array",
                        "items": {"type": "string"},
                        "description": "Params that decide whom it reaches and that the model may choose all the same.",
                    },
                    "needs_approval": {
                        "type": "boolean",
                        "description": "True: a person decides about each use. False, in so many words: nobody does, "
                        "also where the rule of two would ask one (see `warnings`).",
                    },
                },
            },
            {
                "type": "object",
                "required": ["mcp", "tool"],
                "properties": {
                    "mcp": {"type": "string", "description": "A name of GET /api/v1/mcp-servers."},
                    "tool": {"type": "string", "description": "One of its tools."},
                    "params": {
                        "type": "object",
                        "description": "Fixed; the model neither sees nor changes them.",
                    },
                    "free": {
                        "type": "array",
                        "items": {"type": "string"},
                        "description": "Where it is given, the model fills these arguments and no other.",
                    },
                    "needs_approval": {
                        "type": "boolean",
                        "description": "True unless it is said, or the server is trusted and says that it only reads.",
                    },
                },
            },
        ]
    },
}


@extend_schema_field(_TOOLS)
class ToolsField(serializers.JSONField):
    """What the model may use. Secrets in `params` are answered as masks, as in steps."""


@extend_schema_field(_RESTRICTIONS)
class RestrictionsField(serializers.JSONField):
    """Limits; null is unlimited."""

    def to_representation(self, value: Any) -> Any:
        return {**DEFAULT_RESTRICTIONS, **value}


class AgentSerializer(serializers.ModelSerializer[Agent]):
    """Shape only: what is allowed is decided by `agents.blueprint`, for REST and admin alike."""

    status = serializers.ChoiceField(
        choices=AgentStatus.choices,
        read_only=True,
        help_text="Changed by activate, pause and archive.",
    )
    model = serializers.CharField(
        max_length=200,
        required=False,
        allow_blank=True,
        help_text="provider:model. It drives an agent without steps; with steps, ask_model asks it.",
    )
    steps = StepsField(required=False)
    tools = ToolsField(required=False)
    output_schema = serializers.JSONField(
        required=False,
        allow_null=True,
        help_text="JSON Schema of an object: what the model answers. Null for a text.",
    )
    max_turns = serializers.IntegerField(
        required=False, min_value=1, max_value=validation.MAX_TURNS
    )
    model_problem = serializers.SerializerMethodField(
        help_text="Why the model cannot be asked as things are, and what to do; empty where nothing is known."
    )
    tool_problem = serializers.SerializerMethodField(
        help_text="Why tools of MCP servers cannot be used as things are; empty where nothing is known."
    )
    warnings = serializers.SerializerMethodField(
        help_text="What to think of: risks of the configuration as it is, in sentences."
    )
    restrictions = RestrictionsField(required=False)

    class Meta:
        model = Agent
        fields = (
            "id", "name", "description", "status", "instructions", "model", "steps", "tools", "output_schema",
            "max_turns", "restrictions", "model_problem", "tool_problem", "warnings", "version", "created_at",
            "updated_at",
        )  # fmt: skip
        read_only_fields = ("version",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._exposures: dict[Any, str] = {}

    def get_model_problem(self, row: Agent) -> str:
        return providers.problem_of_agent(row)

    def get_tool_problem(self, row: Agent) -> str:
        return tools.problem_of_agent(row)

    def get_warnings(self, row: Agent) -> list[str]:
        """Of all rows of a list at once."""
        if row.pk not in self._exposures:
            many = isinstance(self.parent, serializers.ListSerializer)
            rows: Any = self.parent.instance if many else [row]
            self._exposures = exposure.warnings_of(list(rows))
        return [self._exposures[row.pk]] if self._exposures[row.pk] else []

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            raise serializers.ValidationError("Give an object.")
        return {name: data[name] for name in blueprint.FIELDS if name in data}


@extend_schema_field({"type": "string", "enum": list(providers.KINDS)})
class KindField(serializers.CharField):
    """What is no kind is refused by the model, with a sentence."""


class ModelProviderSerializer(serializers.ModelSerializer[ModelProvider]):
    """Where language models are asked. The key is written, never answered."""

    kind = KindField(
        max_length=50, help_text=f"One of {', '.join(providers.KINDS)}: the wire that it speaks."
    )
    base_url = serializers.CharField(max_length=500, required=False, allow_blank=True)
    api_key = serializers.CharField(
        max_length=1000, required=False, allow_blank=True, write_only=True
    )
    has_key = serializers.SerializerMethodField()

    class Meta:
        model = ModelProvider
        fields = (
            "id",
            "name",
            "kind",
            "base_url",
            "api_key",
            "has_key",
            "created_at",
            "updated_at",
        )

    def get_has_key(self, row: ModelProvider) -> bool:
        return bool(row.api_key)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        before = self.instance
        names = ("name", "kind", "base_url", "api_key")
        values = {name: attrs.get(name, getattr(before, name, "")) for name in names}
        if problems := providers.check(ModelProvider(**values), before=before):
            raise serializers.ValidationError(problems)
        return attrs


class ModelTestSerializer(serializers.Serializer[Any]):
    """Which model of the provider shall answer one word."""

    model = serializers.CharField(max_length=150)


class ActionSerializer(serializers.Serializer[Any]):
    """What an agent can do, with the JSON Schema of its params."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the wire's name
    description = serializers.CharField()
    icon = serializers.CharField()
    effect = serializers.ChoiceField(choices=[effect.value for effect in Effect])
    schema = serializers.DictField()
    output_sample = serializers.DictField()
