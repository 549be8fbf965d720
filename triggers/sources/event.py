"""Triggers on events of any registered or emitted type, by name or with a wildcard."""

from __future__ import annotations

import re
import uuid
from typing import Any

from config.lib.registry import closest
from crm.models import Workspace
from triggers import event_types
from triggers.models.trigger import heard_by
from triggers.sources import OPEN_SCHEMA, Config, Problems, Source, register

# A wildcard stands at the end, after a place where `heard_by` cuts a topic: `policy.*`, `contact_*`, `*`.
_WILDCARD = re.compile(r"(?:[a-z][a-z0-9_.:-]*[._:])?\*\Z")
_MALFORMED = (
    "Not the name of an event type: lower-case letters, digits and _ in words joined by dots, such as "
    "'contact_created' or 'policy.approved'; a * may end it after a dot or _, as in 'policy.*'."
)


class EventSource(Source):
    trigger_type = "event"
    label = "CRM or application event"
    description = "Runs when something happens in the CRM or in another part of the application."
    config_schema = {
        "type": "object",
        "properties": {
            "event_type": {
                "type": "string",
                "title": "Event",
                "description": "Such as contact_created; policy.* hears every event whose name begins with policy, "
                "and * everything but what becomes of runs (execution.*).",
                "minLength": 1,
                "maxLength": event_types.MAX_NAME,
            }
        },
        "required": ["event_type"],
        "additionalProperties": False,
    }

    def check_further(self, config: Config, *, workspace: Workspace) -> Problems:
        name = config["event_type"]
        if not (event_types.NAME.match(name) or _WILDCARD.match(name)):
            return {"event_type": [_MALFORMED]}
        kind = event_types.find(name)
        if kind and kind.source == "manual":
            return {"event_type": ["Running by hand reaches only the trigger that it is asked of."]}
        if kind and kind.told_to:
            return {
                "event_type": [f"Only triggers of type {kind.told_to!r} hear it; use one of them."]
            }
        return {}

    def warnings(self, config: Config) -> list[str]:
        """An unknown name is allowed, since a program may emit it later; one that looks like a slip is told."""
        name = config["event_type"]
        if _matching(name):
            return []
        if name.endswith("*"):
            return [
                f"No known event type matches {name!r}; the trigger waits until one is emitted."
            ]
        meant = closest(name, event_types.registry)
        if meant is None:
            return []
        return [
            f"{name!r} is not a known event type; it will be heard once it is emitted. Did you mean {meant!r}?"
        ]

    def topic(self, config: Config, *, trigger_id: uuid.UUID) -> str:
        return str(config["event_type"])

    def describe(self, config: Config, *, event_type: str | None = None) -> str:
        return f"event: {event_type or config.get('event_type', '?')}"

    def payload_schema(self, config: Config) -> dict[str, Any]:
        """Of a wildcard: the fields that any of its types has."""
        kinds = _matching(config.get("event_type", ""))
        if len(kinds) == 1:
            return kinds[0].schema
        properties: dict[str, Any] = {}
        for kind in kinds:
            for name, schema in kind.schema.get("properties", {}).items():
                known = properties.setdefault(name, schema)
                if known != schema:
                    properties[name] = {"anyOf": [*known.get("anyOf", [known]), schema]}
        return {"type": "object", "properties": properties} if properties else OPEN_SCHEMA

    def hears_strangers(self, config: Config) -> bool:
        """What people write into public forms."""
        return any(kind.by_strangers for kind in _matching(config.get("event_type", "")))

    def tells_records(self, config: Config) -> bool:
        names = {"contact", "deal"}
        kinds = _matching(config.get("event_type", ""))
        return any(names & kind.schema.get("properties", {}).keys() for kind in kinds)

    def sample_type(self, config: Config) -> str:
        kinds = _matching(config["event_type"])
        return kinds[0].name if kinds else str(config["event_type"]).replace("*", "sample")

    def sample(self, config: Config) -> dict[str, Any]:
        kinds = _matching(config["event_type"])
        return kinds[0].sample if kinds else {"endpoint": config["event_type"], "data": {}}


def _matching(topic: str) -> list[event_types.EventType]:
    """The registered types that such a trigger hears."""
    return [
        event_types.registry.get(name) for name in event_types.registry if topic in heard_by(name)
    ]


register(EventSource())
