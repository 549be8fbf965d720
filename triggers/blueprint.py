"""What a trigger may be made of: the one place where its configuration is checked and set.

REST, admin and seeds call it alike:

    trigger = Trigger(workspace=acme, created_by=ann)
    warnings = blueprint.store(trigger, {"name": ..., "agent_id": ..., "trigger_type": "event", "config": {...}})

Fields that are not given stay as they are, so that a change may be partial.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from agents.models import Agent, AgentStatus
from config.lib.registry import UnknownName, closest
from triggers import condition_fields, mapping_fields, plain_fields, sources, spellings, trials
from triggers.models import Trigger, TriggerStatus
from triggers.problems import InvalidTrigger, NameTaken, TooMany
from triggers.sources import Problems, Source

__all__ = ["InvalidTrigger", "NameTaken", "TooMany", "apply", "store"]

Admit = Callable[[Trigger], list[str]]
REQUIRED = ("name", "agent_id", "trigger_type")
FIELDS = (
    *plain_fields.READERS,
    "agent_id",
    "trigger_type",
    "config",
    "conditions",
    "input_mapping",
)
_READ_ONLY = {
    *("id", "status", "last_error", "created_at", "updated_at", "created_by", "version"),
    *("total_executions", "successful_executions", "failed_executions", "consecutive_failures"),
    *("last_execution_at", "next_run_time", "webhook_url", "is_builtin", "warnings", "examples"),
}


def store(trigger: Trigger, fields: Mapping[str, Any], *, admit: Admit | None = None) -> list[str]:
    """`apply` and save, in one transaction. Raises what `apply` raises, also when two do it at the same time.

    `admit` sees the row before it is saved; it may refuse it (InvalidTrigger), change it and warn.
    """
    is_new = trigger._state.adding
    try:
        with transaction.atomic():
            warnings = apply(trigger, fields)
            warnings += admit(trigger) if admit else []
            trigger.save()
            trials.follow(trigger, is_new=is_new)
    except IntegrityError as error:
        if "trigger_name_once" in str(error):
            raise NameTaken from None
        raise
    return warnings


def apply(trigger: Trigger, fields: Mapping[str, Any], *, agent: Agent | None = None) -> list[str]:
    """Sets the fields on the row, with the topic and the canonical conditions that follow from them; does not save.

    `agent`: in place of `agent_id`, one that is not stored yet. Answers warnings: what is allowed and yet probably not
    meant. Raises InvalidTrigger, NameTaken or TooMany, and then leaves the row alone.
    """
    draft = _Draft(trigger, spellings.plain(trigger, fields), agent)
    draft.read()
    if draft.problems:
        raise InvalidTrigger(draft.problems)
    if "name" in draft.values and _is_taken(trigger, draft.values["name"]):
        raise NameTaken
    if trigger._state.adding and not _has_room(trigger.workspace_id):
        raise TooMany(settings.TRIGGERS_PER_WORKSPACE)
    draft.write()
    return draft.warnings


def _is_taken(trigger: Trigger, name: str) -> bool:
    same = Trigger.objects.visible().filter(workspace_id=trigger.workspace_id, name=name)
    return same.exclude(pk=trigger.pk).exists()


def _has_room(workspace_id: uuid.UUID) -> bool:
    most: int = settings.TRIGGERS_PER_WORKSPACE
    return Trigger.objects.visible().filter(workspace_id=workspace_id)[:most].count() < most


class _Draft:
    """One reading of what was given: the values to set, and what is wrong or strange with the rest."""

    def __init__(self, trigger: Trigger, given: dict[str, Any], agent: Agent | None) -> None:
        self.trigger = trigger
        self.given = given
        self.is_new = trigger._state.adding
        self.values: dict[str, Any] = {"agent": agent} if agent else {}
        self.problems: Problems = {}
        self.warnings: list[str] = []

    def read(self) -> None:
        for name in REQUIRED if self.is_new else ():
            if self.given.get(name) in (None, "") and name.removesuffix("_id") not in self.values:
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
        self._read_mapping(source)
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
            if not self.is_new and name == self.trigger.trigger_type:
                self._keep_config(name)
            elif "trigger_type" in self.given:
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

    def _keep_config(self, trigger_type: str) -> None:
        """Nobody knows any more what a type means whose file is gone; the rest of the trigger may change."""
        if self.given.get("config", self.trigger.config) != self.trigger.config:
            self._wrong("config", sources.not_installed(trigger_type))

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
        schema = None
        if source and not self.problems:
            config = self.values.get("config", self.trigger.config)
            schema = source.within(self.trigger.workspace).payload_schema(config)
        try:
            self.values["conditions"], warnings = condition_fields.read(given, schema=schema)
        except InvalidTrigger as error:
            self.problems |= error.problems
            return
        self.warnings += warnings

    def _read_mapping(self, source: Source | None) -> None:
        """Whom it asks for what a model extracts follows from the agent too."""
        if "input_mapping" in self.given:
            self.values["input_mapping"], problems = mapping_fields.read(
                self.given["input_mapping"]
            )
            self.problems |= problems
        if not source or self.problems or not self.values.keys() & {"input_mapping", "agent"}:
            return
        trigger = self.trigger
        self.warnings += mapping_fields.warnings(
            self.values.get("input_mapping", trigger.input_mapping),
            agent=self.values.get("agent") or trigger.agent,
            workspace=trigger.workspace,
            schema=source.within(trigger.workspace).payload_schema(
                self.values.get("config", trigger.config)
            ),
        )

    def _tell_unknown(self) -> None:
        for name in self.given.keys() - set(FIELDS) - _READ_ONLY:
            meant = closest(name, [*FIELDS, *spellings.ALIASES])
            hint = f" Did you mean {meant!r}?" if meant else ""
            self.warnings.append(f"Unknown field {name[:100]!r} was ignored.{hint}")

    def write(self) -> None:
        trigger, values = self.trigger, self.values
        if "enabled" in values:
            _switch(trigger, on=values.pop("enabled"))
        for name, value in values.items():
            setattr(trigger, name, value)
        if trigger.trigger_type in sources.registry:
            source = sources.of(trigger)
            trigger.topic = source.topic(trigger.config, trigger_id=trigger.pk)
        if not self.is_new:
            trigger.version += 1


def _switch(trigger: Trigger, *, on: bool) -> None:
    """Only a real change counts: a trigger in error reads as not enabled, and sending that back is no pause."""
    if on is trigger.enabled:
        return
    trigger.waits_for_examples = False
    if on and not trigger.enabled:
        trigger.status, trigger.last_error = TriggerStatus.ACTIVE, ""
    elif not on and trigger.enabled:
        trigger.status = TriggerStatus.PAUSED
