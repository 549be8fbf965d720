"""What conditions, mappings and variables see of an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ABOUT = "_event"  # where conditions find what we know of the event itself, and nobody who sends it can write
_ABOUT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"source": {"type": "string"}, "verified": {"type": "boolean"}},
    "additionalProperties": False,
}


def facts(payload: Mapping[str, Any], *, source: str) -> dict[str, Any]:
    """The payload; of a custom event (`{"endpoint", "data"}`) also each field of `data` at the top, so that both
    `$.data.user.id` and `$.user.id` find it. What stands at the top anyway wins."""
    data = payload.get("data")
    if source == "custom" and isinstance(data, dict):
        return {**data, **payload}
    return dict(payload)


def judged(facts_: Mapping[str, Any], *, source: str, verified: bool) -> dict[str, Any]:
    """What conditions see: the facts, and under `_event` where it came from and whether its sender was verified."""
    return {**facts_, ABOUT: {"source": source, "verified": verified}}


def judged_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Of what conditions see, from the payload's."""
    return {**schema, "properties": {**schema.get("properties", {}), ABOUT: _ABOUT_SCHEMA}}


def variables(
    facts_: Mapping[str, Any], *, event: Mapping[str, Any], inputs: Mapping[str, Any]
) -> dict[str, Any]:
    """The roots of `@` variables: contact, deal, form (empty where the event has none), event and inputs."""
    roots = {
        name: value if isinstance(value := facts_.get(name), dict) else {}
        for name in ("contact", "deal", "form")
    }
    return {**roots, "event": {**facts_, **event}, "inputs": dict(inputs)}
