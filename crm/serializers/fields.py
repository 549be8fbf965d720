"""Fields that several shapes share."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.lib import json

MAX_CUSTOM_BYTES = 16 * 1024
MAX_CUSTOM_DEPTH = 5
MAX_CUSTOM_KEYS = 100


@extend_schema_field({"type": "object", "additionalProperties": True})
class CustomField(serializers.JSONField):
    """A JSON object of one's own, of limited size and depth."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        value = super().to_internal_value(data)
        if not isinstance(value, dict):
            raise serializers.ValidationError("Give a JSON object.")
        if len(value) > MAX_CUSTOM_KEYS:
            raise serializers.ValidationError(f"At most {MAX_CUSTOM_KEYS} keys.")
        if depth_of(value) > MAX_CUSTOM_DEPTH:
            raise serializers.ValidationError(f"Nested at most {MAX_CUSTOM_DEPTH} deep.")
        if len(json.dumps(value)) > MAX_CUSTOM_BYTES:
            raise serializers.ValidationError(f"At most {MAX_CUSTOM_BYTES} bytes.")
        return value


def depth_of(value: Any) -> int:
    """How many objects and lists are inside each other; the parser has capped it long before Python's own limit."""
    if isinstance(value, dict):
        return 1 + max((depth_of(item) for item in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth_of(item) for item in value), default=0)
    return 0


class CheckedJSONField(serializers.JSONField):
    """JSON that a model's validator understands. `schema` describes it for the API's page."""
