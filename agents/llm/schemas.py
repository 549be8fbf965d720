"""JSON Schemas of typed answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs

from config.lib import json

MAX_SCHEMA = 32 * 1024


def problem_of(schema: Any) -> str:
    """Why a JSON Schema cannot ask for an answer; empty where it can."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return 'Give the JSON Schema of an object: {"type": "object", "properties": {...}}.'
    if len(json.dumps(schema)) > MAX_SCHEMA:
        return f"The schema is larger than {MAX_SCHEMA // 1024} KiB."
    if any(_remote(schema)):
        return "A schema may only refer to its own parts, such as #/$defs/address."
    try:
        validator(schema)
    except ValueError as error:
        return f"This is no JSON Schema: {str(error)[:300]}"
    return ""


def _remote(value: Any) -> Iterator[str]:
    """Names of references that lead out of the schema."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name in ("$ref", "$dynamicRef") and not str(item).startswith("#"):
                yield name
            yield from _remote(item)
    elif isinstance(value, list):
        for item in value:
            yield from _remote(item)


def validator(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """Raises ValueError for what is no schema."""
    return jsonschema_rs.Draft202012Validator(schema)
