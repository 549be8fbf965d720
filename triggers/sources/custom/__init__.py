"""Custom events: a program names an endpoint and sends data, over REST or in code.

The event's type and topic are the endpoint's name, so `custom` and `event` triggers hear it alike. What the system
itself emits is reserved: nobody outside can claim that a contact was created.
"""

from __future__ import annotations

import uuid
from typing import Any

from config.lib import paths
from crm.models import Workspace
from triggers import event_types
from triggers.sources import Config, Problems, Source, register
from triggers.sources.custom import endpoints
from triggers.sources.custom.emitting import (
    MAX_BATCH,
    CannotEmit,
    ReservedType,
    emit_custom_event,
    emit_custom_events,
)
from triggers.sources.custom.endpoints import MAX_ENDPOINT
from triggers.sources.custom.filters import filter_leaves, matches_filter, passing

__all__ = [
    "MAX_BATCH",
    "MAX_ENDPOINT",
    "CannotEmit",
    "ReservedType",
    "emit_custom_event",
    "emit_custom_events",
    "filter_leaves",
    "matches_filter",
]


class CustomSource(Source):
    trigger_type = "custom"
    label = "Custom event"
    description = "Runs when a program sends an event to this endpoint, over REST or in code."
    config_schema = {
        "type": "object",
        "properties": {
            "endpoint": {
                "type": "string",
                "title": "Endpoint",
                "description": "The name that programs send events to, such as user_events; orders.* hears every name "
                "that begins with orders.",
                "minLength": 1,
                "maxLength": MAX_ENDPOINT,
            },
            "filter": {
                "type": "object",
                "title": "Filter",
                "description": "Only events whose data has these values: a name or dotted path, and what it must be.",
                "maxProperties": 50,
                "default": {},
            },
        },
        "required": ["endpoint"],
        "additionalProperties": False,
    }

    def check_further(self, config: Config, *, workspace: Workspace) -> Problems:
        problems: Problems = {}
        if problem := endpoints.problem_of(config["endpoint"]):
            problems["endpoint"] = [problem]
        for path, _ in filter_leaves(config.get("filter", {})):
            try:
                paths.split(path)
            except ValueError as error:
                problems.setdefault(f"filter.{path}"[: paths.MAX_LENGTH], []).append(str(error))
        return problems

    def topic(self, config: Config, *, trigger_id: uuid.UUID) -> str:
        return str(config["endpoint"])

    def describe(self, config: Config, *, event_type: str | None = None) -> str:
        return f"custom: {event_type or config.get('endpoint', '?')}"

    def payload_schema(self, config: Config) -> dict[str, Any]:
        kind = event_types.find(config.get("endpoint", ""))
        if kind:
            return kind.schema
        return {
            "type": "object",
            "properties": {"endpoint": {"type": "string"}, "data": {"type": "object"}},
        }

    def payload_of(self, config: Config, given: dict[str, Any]) -> dict[str, Any]:
        """Both the whole payload and the bare data are understood."""
        if event_types.find(config["endpoint"]) or isinstance(given.get("data"), dict):
            return given
        return {"endpoint": config["endpoint"], "data": given}

    def sample_type(self, config: Config) -> str:
        return str(config["endpoint"]).replace("*", "sample")

    def sample(self, config: Config) -> dict[str, Any]:
        """Data that the filter lets pass."""
        kind = event_types.find(config["endpoint"])
        if kind:
            return kind.sample
        endpoint = self.sample_type(config)
        return {"endpoint": endpoint, "data": passing(config.get("filter", {}))}


register(CustomSource())
