"""Where events come from. One file (or folder) per source; `TriggersConfig.ready()` loads them all.

A file may hold event types with the receivers that emit them (`crm`, `user`, `email`), and it may hold a `Source`:
all that one `trigger_type` knows of its own configuration. Nothing outside this package branches on a trigger's type.
What is registered exists: a type needs no migration. Where its file is gone again its triggers stay, as `NotInstalled`.
"""

from __future__ import annotations

import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import jsonschema_rs
from django.conf import settings

from config.lib.problems import path_of
from config.lib.registry import Registry, closest
from crm.models import Workspace
from triggers.models.trigger import TYPE_NAME

if TYPE_CHECKING:
    from agents.models import Agent
    from triggers.models import OwnWebhookType, Trigger
    from triggers.watching import Watcher

Config = dict[str, Any]
Problems = dict[str, list[str]]  # path inside the config -> what is wrong there

ALWAYS_ON = "manual"  # every agent can be run by hand
OPEN_SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}


@dataclass(frozen=True, slots=True)
class Variants:
    """The value of the property `by` says what stands in the object `into`.

    `of`: by value `{"label", "setup", "properties", "required"}`; `setup` is a text for people.
    """

    by: str
    into: str
    of: dict[str, dict[str, Any]]


class Source(ABC):
    """One type of trigger. `config_schema` is a flat JSON Schema with titles, so that a form can be made of it."""

    trigger_type: str
    aliases: ClassVar[tuple[str, ...]] = ()  # other names that programs may give to the type
    label: str
    description: str = ""
    config_schema: dict[str, Any]
    preview: ClassVar[str] = ""  # the address that says what a configuration means
    is_watched: ClassVar[bool] = False  # `manage.py listen` runs its `watcher`
    from_outside: ClassVar[bool] = False  # its events carry text that strangers may have written
    top_level: ClassVar[tuple[str, ...]] = ()  # fields of the config that are also taken beside it

    def check(self, config: Config, *, workspace: Workspace) -> Problems:
        """What is wrong with the configuration, by path; empty where nothing is.

        This asks the schema; a source adds what a schema cannot say in `check_further`.
        """
        problems = schema_problems(self.config_schema, config)
        return problems or self.check_further(config, workspace=workspace)

    def within(self, workspace: Workspace) -> Self:
        """The source as this workspace knows it; what else is asked of it then is answered for the workspace."""
        return self

    def variants(self) -> Variants | None:
        """What one property of the configuration makes of another; None where nothing does."""
        return None

    def switches(self, config: Config) -> tuple[str, ...]:
        """The names under which TRIGGERS_OFF may turn off triggers with this configuration."""
        return (self.trigger_type,)

    def all_switches(self) -> tuple[str, ...]:
        """Every name that `switches` may answer."""
        return (self.trigger_type,)

    def offered_schema(self, config: Config) -> dict[str, Any]:
        """`config_schema` without what is turned off; `config` is what the trigger has already, and keeps."""
        return self.config_schema

    def own_type(self, config: Config) -> OwnWebhookType | None:
        """The row of the workspace that a valid configuration refers to."""
        return None

    def prepare(self, config: Config, *, sealed: str) -> Config:
        """The configuration as it is checked; `sealed` is what `seal` kept apart when it was stored last."""
        return config

    def opened(self, config: Config, *, sealed: str) -> Config:
        """A stored configuration with its secrets."""
        return self.prepare(config, sealed=sealed)

    def seal(self, config: Config) -> tuple[Config, str]:
        """(what is stored in the open, what is stored encrypted) of a valid configuration."""
        return config, ""

    def check_further(self, config: Config, *, workspace: Workspace) -> Problems:
        """Asked where the schema finds nothing wrong."""
        return {}

    def check_place(self, config: Config, *, trigger: Trigger, agent: Agent) -> Problems:
        """What is wrong with a valid configuration on this trigger, which has its new values already."""
        return {}

    def warnings(self, config: Config) -> list[str]:
        """What is allowed and yet probably not meant."""
        return []

    def hears_strangers(self, config: Config) -> bool:
        """Whether people outside may write what it tells; see `triggers.hearing`."""
        return self.from_outside

    def tells_records(self, config: Config) -> bool:
        """Whether contacts and deals come with its events."""
        return False

    def watcher(self, config: Config) -> Watcher | None:
        """Who watches it from a listener, for sources that have to be watched (`is_watched`)."""
        return None

    @abstractmethod
    def topic(self, config: Config, *, trigger_id: uuid.UUID) -> str:
        """What a trigger with this valid configuration listens to."""

    @abstractmethod
    def describe(self, config: Config, *, event_type: str | None = None) -> str:
        """As people read it: `event: contact_created`. `event_type`: of the event that fired, where one did."""

    def payload_schema(self, config: Config) -> dict[str, Any]:
        """JSON Schema of what conditions and mappings see of an event (`triggers.facts`)."""
        return OPEN_SCHEMA

    def inputs(self, config: Config, facts: dict[str, Any]) -> dict[str, Any]:
        """What the run gets of the event by itself; the trigger's own mapping wins over it, and it over defaults."""
        return {}

    def payload_of(self, config: Config, given: dict[str, Any]) -> dict[str, Any]:
        """The payload that somebody means who tests with these data."""
        return given

    @abstractmethod
    def sample_type(self, config: Config) -> str:
        """The type of the event that a test makes up."""

    @abstractmethod
    def sample(self, config: Config) -> dict[str, Any]:
        """A payload such as an event of this type has: what a test runs with, unless it is given one."""


class NotInstalled(Source):
    """Stands for a type whose file is gone: its triggers stay where they are, and run nothing."""

    config_schema = OPEN_SCHEMA

    def __init__(self, trigger_type: str) -> None:
        self.trigger_type = trigger_type
        self.label = f"{trigger_type} (not installed)"
        self.description = not_installed(trigger_type)

    def check_further(self, config: Config, *, workspace: Workspace) -> Problems:
        return {"": [not_installed(self.trigger_type)]}

    def topic(self, config: Config, *, trigger_id: uuid.UUID) -> str:
        return f"{self.trigger_type}:{trigger_id}"

    def describe(self, config: Config, *, event_type: str | None = None) -> str:
        return self.trigger_type

    def sample_type(self, config: Config) -> str:
        return self.trigger_type

    def sample(self, config: Config) -> dict[str, Any]:
        return {}


registry: Registry[Source] = Registry("trigger types")
aliases: dict[str, str] = {}  # another name -> the type
_NAME = re.compile(TYPE_NAME)


def register(source: Source) -> Source:
    """Called once by each file that holds a source. Raises ValueError where the type is no name."""
    if not _NAME.fullmatch(source.trigger_type):
        raise ValueError(f"not the name of a trigger type: {source.trigger_type!r}")
    aliases.update(dict.fromkeys(source.aliases, source.trigger_type))
    return registry.register(source.trigger_type, source)


def find(trigger_type: str) -> Source:
    """By name or alias. Raises `config.lib.registry.UnknownName`, which knows what was meant."""
    return registry.get(aliases.get(trigger_type, trigger_type))


def of(trigger: Trigger) -> Source:
    """The source of a stored trigger. Never raises: it may outlive the file that held it."""
    name = trigger.trigger_type
    return registry.get(name) if name in registry else NotInstalled(name)


def not_installed(trigger_type: str) -> str:
    return f"Its type, {trigger_type!r}, is not installed: what registered it is not loaded."


def why_off(trigger_type: str, config: Config) -> str:
    """That such triggers are turned off on this installation (TRIGGERS_OFF), or not installed, as a sentence; else
    nothing.
    """
    if trigger_type not in registry:
        return not_installed(trigger_type)
    if not settings.TRIGGERS_OFF:
        return ""
    for name in registry.get(trigger_type).switches(config):
        if name in settings.TRIGGERS_OFF and name != ALWAYS_ON:
            return f"Triggers of the type {name!r} are turned off on this installation."
    return ""


def unknown_switches(names: Iterable[str]) -> list[str]:
    """Those of the names that turn nothing off."""
    known = {name for one in registry for name in registry.get(one).all_switches()} - {ALWAYS_ON}
    return [name for name in names if name not in known]


def watched() -> list[str]:
    """The types that a listener watches."""
    off = settings.TRIGGERS_OFF
    return [name for name in registry if registry.get(name).is_watched and name not in off]


def describe(trigger: Trigger, event_type: str | None = None) -> str:
    """`event: contact_created`, `custom: user_events`, `manual`. Never raises: history is written with it."""
    return of(trigger).describe(trigger.config, event_type=event_type)


def schema_problems(schema: dict[str, Any], config: Any) -> Problems:
    """What a JSON Schema says against a configuration, by path."""
    problems: Problems = {}
    for error in jsonschema_rs.Draft202012Validator(schema).iter_errors(config):
        for path, message in _explain(error, schema):
            problems.setdefault(path, []).append(message)
    return problems


def _explain(error: jsonschema_rs.ValidationError, schema: dict[str, Any]) -> list[tuple[str, str]]:
    """(path, message) pairs: an error about a property is told at the property, not at the object around it."""
    path: list[str | int] = [*error.instance_path]
    kind = error.kind
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        return [(path_of([*path, kind.property]), "This field is required.")]
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
        known = schema.get("properties", {})
        return [
            (path_of([*path, name]), _unknown_field(name, list(known))) for name in kind.unexpected
        ]
    return [(path_of(path), error.message[:300])]


def _unknown_field(name: str, known: list[str]) -> str:
    meant = closest(name, known)
    return f"Unknown field. Did you mean {meant!r}?" if meant else "Unknown field."
