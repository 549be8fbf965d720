"""What a trigger may be made of: the one place where its configuration is checked and set.

REST, admin and seeds call it alike:

    trigger = Trigger(workspace=acme, created_by=ann)
    warnings = blueprint.store(trigger, {"name": ..., "agent_id": ..., "trigger_type": "event", "config": {...}})

Fields that are not given stay as they are, so that a change may be partial.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from copy import copy
from typing import Any

from django.db import IntegrityError, transaction

from agents.models import Agent, AgentStatus
from config.lib.registry import UnknownName, closest
from crm.models import Workspace
from triggers import conditions, mapping, plain_fields, sources
from triggers.models import Trigger, TriggerStatus
from triggers.problems import InvalidTrigger, NameTaken, by_path
from triggers.sources import Problems, Source

__all__ = ["InvalidTrigger", "NameTaken", "apply", "check_conditions", "store"]

ALIASES = {"pipeline_id": "agent_id", "task_parameters": "default_inputs", "is_active": "enabled"}
REQUIRED = ("name", "agent_id", "trigger_type")
FIELDS = (
    *plain_fields.READERS,
    "agent_id",
    "trigger_type",
    "config",
    "conditions",
    "input_mapping",
)
_INSIDE_CONFIG = ("conditions", "input_mapping")  # some programs write them there
_READ_ONLY = {
    *(
        "id",
        "status",
        "last_error",
        "created_at",
        "updated_at",
        "created_by",
        "version",
        "warnings",
    ),
    *("total_executions", "successful_executions", "failed_executions", "consecutive_failures"),
    *("last_execution_at", "next_run_time", "webhook_url", "is_builtin"),
}


def store(trigger: Trigger, fields: Mapping[str, Any]) -> list[str]:
    """`apply` and save, in one transaction. Raises what `apply` raises, also when two do it at the same time."""
    try:
        with transaction.atomic():
            warnings = apply(trigger, fields)
            trigger.save()
    except IntegrityError as error:
        if "trigger_name_once" in str(error):
            raise NameTaken from None
        raise
    return warnings


def apply(trigger: Trigger, fields: Mapping[str, Any]) -> list[str]:
    """Sets the fields on the row, with the topic and the canonical conditions that follow from them; does not save.

    Answers warnings: what is allowed and yet probably not meant. Raises InvalidTrigger or NameTaken, and then
    leaves the row alone.
    """
    draft = _Draft(trigger, _plain_names(trigger, fields))
    draft.read()
    if draft.problems:
        raise InvalidTrigger(draft.problems)
    if "name" in draft.values and _is_taken(trigger, draft.values["name"]):
        raise NameTaken
    draft.write()
    return draft.warnings


def _is_taken(trigger: Trigger, name: str) -> bool:
    same = Trigger.objects.visible().filter(workspace_id=trigger.workspace_id, name=name)
    return same.exclude(pk=trigger.pk).exists()


def _plain_names(trigger: Trigger, fields: Mapping[str, Any]) -> dict[str, Any]:
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


class _Draft:
    """One reading of what was given: the values to set, and what is wrong or strange with the rest."""

    def __init__(self, trigger: Trigger, given: dict[str, Any]) -> None:
        self.trigger = trigger
        self.given = given
        self.is_new = trigger._state.adding
        self.values: dict[str, Any] = {}
        self.problems: Problems = {}
        self.warnings: list[str] = []

    def read(self) -> None:
        for name in REQUIRED if self.is_new else ():
            if self.given.get(name) in (None, ""):
                self._wrong(name, "This field is required.")
                self.given.pop(name, None)
        for name, read in plain_fields.READERS.items():
            if name in self.given:
                self._read_plain(name, read)
        if "agent_id" in self.given:
            self._read_agent(self.given["agent_id"])
        source = self._read_source()
        if source:
            self._read_config(source)
        if source and not self.problems:
            self._check_place(source)
        self._read_mapping()
        self._read_conditions(source)
        self._tell_unknown()

    def _wrong(self, path: str, message: str) -> None:
        self.problems.setdefault(path, []).append(message)

    def _read_plain(self, name: str, read: plain_fields.Reader) -> None:
        try:
            self.values[name] = read(self.given[name])
        except plain_fields.Fault as fault:
            self._wrong(name, str(fault))

    def _read_agent(self, given: Any) -> None:
        try:
            agent = Agent.objects.get(
                pk=uuid.UUID(str(given)), workspace_id=self.trigger.workspace_id
            )
        except (ValueError, Agent.DoesNotExist):
            self._wrong("agent_id", f"Agent with ID {str(given)[:100]} not found or not accessible")
            return
        if agent.status == AgentStatus.ARCHIVED and agent.pk != self.trigger.agent_id:
            self._wrong(
                "agent_id",
                f"Agent {agent.name!r} is archived; bring it back before giving it triggers.",
            )
            return
        self.values["agent"] = agent

    def _read_source(self) -> Source | None:
        """The source that the trigger has, or gets."""
        name = self.given.get("trigger_type", self.trigger.trigger_type)
        try:
            source = sources.find(name if isinstance(name, str) else "")
        except UnknownName as error:
            if "trigger_type" in self.given:
                hint = f" Did you mean {error.suggestion!r}?" if error.suggestion else ""
                known = ", ".join(sources.registry)
                self._wrong(
                    "trigger_type",
                    f"Unsupported trigger type {str(name)[:50]!r}.{hint} Known types: {known}.",
                )
            return None
        self.values["trigger_type"] = source.trigger_type
        is_new = self.is_new or source.trigger_type != self.trigger.trigger_type
        if is_new and (said := sources.why_off(source.trigger_type, {})):
            self._wrong("trigger_type", said)
            return None
        return source

    def _read_config(self, source: Source) -> None:
        if (
            not self.is_new
            and "config" not in self.given
            and source.trigger_type == self.trigger.trigger_type
        ):
            return
        try:
            config = plain_fields.json_object(self.given.get("config", self.trigger.config))
        except plain_fields.Fault as fault:
            self._wrong("config", str(fault))
            return
        source = source.within(self.trigger.workspace)
        config = source.prepare(config, sealed=self.trigger.sealed)
        found = source.check(config, workspace=self.trigger.workspace) or self._turned_off(
            source, config
        )
        for path, messages in found.items():
            self.problems[f"config.{path}" if path else "config"] = messages
        if not found:
            self.values["config"], self.values["sealed"] = source.seal(config)
            self.values["own_type"] = source.own_type(config)
            self.warnings += source.warnings(config)

    def _turned_off(self, source: Source, config: dict[str, Any]) -> sources.Problems:
        """A trigger keeps what it had before that was turned off, and can be changed otherwise."""
        switches = source.switches(config)
        had = () if self.is_new else source.switches(self.trigger.config)
        said = "" if switches == had else sources.why_off(source.trigger_type, config)
        return {"": [said]} if said else {}

    def _check_place(self, source: Source) -> None:
        """Asked where anything that it may depend on is changed."""
        if not self.values.keys() & {"config", "agent", "allow_reentry"}:
            return
        trigger = copy(self.trigger)
        for name in self.values.keys() & {"allow_reentry", "agent"}:
            setattr(trigger, name, self.values[name])
        config = self.values.get("config", trigger.config)
        for path, messages in source.check_place(
            config, trigger=trigger, agent=trigger.agent
        ).items():
            self.problems[f"config.{path}" if path else "config"] = messages

    def _read_conditions(self, source: Source | None) -> None:
        given = self.given.get("conditions", self.trigger.conditions)
        if "conditions" not in self.given and not self.is_new and "config" not in self.values:
            return
        try:
            parsed = conditions.parse(given)
        except conditions.InvalidConditions as error:
            self.problems |= by_path("conditions", error.problems)
            return
        self.values["conditions"] = parsed.tree
        if source and not self.problems:
            config = self.values.get("config", self.trigger.config)
            known = source.within(self.trigger.workspace).payload_schema(config)
            self.warnings += _strange_fields(parsed, known)

    def _read_mapping(self) -> None:
        if "input_mapping" not in self.given:
            return
        try:
            self.values["input_mapping"] = plain_fields.json_object(self.given["input_mapping"])
        except plain_fields.Fault as fault:
            self._wrong("input_mapping", str(fault))
            return
        found = mapping.check(self.values["input_mapping"])
        self.problems |= by_path("input_mapping", found)

    def _tell_unknown(self) -> None:
        for name in self.given.keys() - set(FIELDS) - _READ_ONLY:
            meant = closest(name, [*FIELDS, *ALIASES])
            hint = f" Did you mean {meant!r}?" if meant else ""
            self.warnings.append(f"Unknown field {name[:100]!r} was ignored.{hint}")

    def write(self) -> None:
        trigger, values = self.trigger, self.values
        if "enabled" in values:
            _switch(trigger, on=values.pop("enabled"))
        for name, value in values.items():
            setattr(trigger, name, value)
        source = sources.find(trigger.trigger_type)
        trigger.topic = source.topic(trigger.config, trigger_id=trigger.pk)
        if not self.is_new:
            trigger.version += 1


def check_conditions(
    given: Any, *, workspace: Workspace, trigger_type: Any = None, config: Any = None
) -> tuple[dict[str, Any], list[str]]:
    """The canonical tree, and warnings where the type and configuration say what its events look like.

    Raises InvalidTrigger with the paths of what is wrong.
    """
    try:
        parsed = conditions.parse(given)
    except conditions.InvalidConditions as error:
        raise InvalidTrigger(by_path("conditions", error.problems)) from None
    if not isinstance(trigger_type, str) or trigger_type not in sources.registry:
        return parsed.tree, []
    source = sources.find(trigger_type).within(workspace)
    if not isinstance(config, dict) or source.check(config, workspace=workspace):
        return parsed.tree, []
    return parsed.tree, _strange_fields(parsed, source.payload_schema(config))


def _strange_fields(parsed: conditions.Condition, schema: dict[str, Any]) -> list[str]:
    return [f"conditions: {problem}" for problem in conditions.field_problems(parsed, schema)]


def _switch(trigger: Trigger, *, on: bool) -> None:
    """Only a real change counts: a trigger in error reads as not enabled, and sending that back is no pause."""
    if on and not trigger.enabled:
        trigger.status, trigger.last_error = TriggerStatus.ACTIVE, ""
    elif not on and trigger.enabled:
        trigger.status = TriggerStatus.PAUSED
