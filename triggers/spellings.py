"""The names under which programs send what a trigger is made of: aliases, and fields in or beside the configuration."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from triggers import sources
from triggers.models import Trigger

ALIASES = {"pipeline_id": "agent_id", "task_parameters": "default_inputs", "is_active": "enabled"}
_INSIDE_CONFIG = ("conditions", "input_mapping")  # some programs write them there


def plain(trigger: Trigger, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Aliases by their own names, and what some write inside `config` beside it.

    A client that sends back all it got has both names; then the one that it changed is meant.
    """
    given = dict(fields)
    if given.get("trigger_type") in tuple(sources.aliases):
        given["trigger_type"] = sources.aliases[given["trigger_type"]]
    for alias, name in ALIASES.items():
        if alias in given:
            value = given.pop(alias)
            if name not in given or given[name] == _current(trigger, name):
                given[name] = value
    config = given.get("config")
    if isinstance(config, dict):
        moved = {name: config[name] for name in _INSIDE_CONFIG if name in config}
        given["config"] = {key: value for key, value in config.items() if key not in moved}
        given = {**moved, **given}
    return _into_config(trigger, given)


def _into_config(trigger: Trigger, given: dict[str, Any]) -> dict[str, Any]:
    """Fields of the type's configuration that stand beside it go into it; the rest of it stays."""
    kind = given.get("trigger_type", trigger.trigger_type)
    names = (
        sources.find(kind).top_level if isinstance(kind, str) and kind in sources.registry else ()
    )
    found = {name: given.pop(name) for name in names if name in given}
    config = given.get("config", trigger.config if kind == trigger.trigger_type else {})
    if found and isinstance(config, dict):
        given["config"] = {**config, **found}
    return given


def _current(trigger: Trigger, name: str) -> Any:
    """What an answer says of this field now."""
    if trigger._state.adding:
        return None
    value = getattr(trigger, name)
    return str(value) if isinstance(value, uuid.UUID) else value
