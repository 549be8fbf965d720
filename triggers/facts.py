"""What conditions, mappings and variables see of an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def facts(payload: Mapping[str, Any], *, source: str) -> dict[str, Any]:
    """The payload; of a custom event (`{"endpoint", "data"}`) also each field of `data` at the top, so that both
    `$.data.user.id` and `$.user.id` find it. What stands at the top anyway wins."""
    data = payload.get("data")
    if source == "custom" and isinstance(data, dict):
        return {**data, **payload}
    return dict(payload)


def variables(
    facts_: Mapping[str, Any], *, event: Mapping[str, Any], inputs: Mapping[str, Any]
) -> dict[str, Any]:
    """The roots of `@` variables: contact, deal, form (empty where the event has none), event and inputs."""
    roots = {
        name: value if isinstance(value := facts_.get(name), dict) else {}
        for name in ("contact", "deal", "form")
    }
    return {**roots, "event": {**facts_, **event}, "inputs": dict(inputs)}
