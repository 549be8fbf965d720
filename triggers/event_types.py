"""What kinds of events there are: each with a name, a label, the JSON Schema of its payload and a sample.

Adding one for a new domain is one call in a module that is imported when the apps are ready:

    APPROVED = event_types.register("policy.approved", label="Policy approved", schema={...}, sample={...})
    events.emit(APPROVED, workspace_id=..., payload={...})

A registered type is *reserved* unless it says otherwise: only code of the process emits it, `POST
/triggers/emit` answers 403.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from config.lib.problems import path_of
from config.lib.registry import DuplicateName, Registry

NAME = re.compile(r"[a-z][a-z0-9_]*([.:-][a-z0-9_]+)*\Z")
MAX_NAME = 200


class InvalidPayload(ValueError):
    """The payload does not fit its type; `problems` is a list of `{"path", "message"}`."""

    def __init__(self, type_name: str, problems: list[dict[str, str]]) -> None:
        self.problems = problems
        first = problems[0]
        super().__init__(f"{type_name}: {first['path'] or 'payload'}: {first['message']}")


@dataclass(frozen=True, slots=True)
class EventType:
    """`schema` describes the payload; `source` names who emits it.

    `by_strangers`: people outside write what it tells.

    `told_to`: the only type of trigger that hears it, where it has a topic of its own and not its name's.
    """

    name: str
    label: str
    schema: dict[str, Any]
    sample: dict[str, Any]
    source: str = "application"
    reserved: bool = True
    group: str = "Application"
    told_to: str = ""
    by_strangers: bool = False
    _validator: Any = field(default=None, repr=False, compare=False)

    def check(self, payload: dict[str, Any]) -> None:
        """Raises InvalidPayload where the payload does not fit the schema."""
        if self._validator.is_valid(payload):
            return
        problems = [
            {"path": path_of(error.instance_path), "message": error.message[:300]}
            for error in list(self._validator.iter_errors(payload))[:20]
        ]
        raise InvalidPayload(self.name, problems)


registry: Registry[EventType] = Registry("event types")


def register(
    name: str,
    *,
    label: str,
    schema: dict[str, Any],
    sample: dict[str, Any],
    source: str = "application",
    reserved: bool = True,
    group: str = "Application",
    told_to: str = "",
    by_strangers: bool = False,
) -> EventType:
    """Adds a type. Raises ValueError where the name is malformed or the sample does not fit the schema."""
    if not NAME.match(name) or len(name) > MAX_NAME:
        raise ValueError(f"not an event type name: {name!r}")
    event_type = EventType(
        name,
        label,
        schema,
        sample,
        source,
        reserved,
        group,
        told_to,
        by_strangers,
        jsonschema_rs.Draft202012Validator(schema),
    )
    event_type.check(sample)
    if name in registry and registry.get(name) != event_type:
        raise DuplicateName(f"event type {name!r} is registered already, with another meaning")
    registry.register(name, event_type)
    return event_type


def find(name: str) -> EventType | None:
    """The registered type, or None for a custom one."""
    return registry.get(name) if name in registry else None
