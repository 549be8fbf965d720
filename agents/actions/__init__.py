"""What an agent can do. One file per action, each with its registration; `AgentsConfig.ready()` loads them.

An action lives in the lowest app that has what it needs: `emit_event` in triggers, `run_agent` and `notify`
in executions register themselves here too.

Schemas are flat, in the order of the form, and say what an editor needs: `title`, `description`, `enum`,
`format` (uuid, uri, date, date-time), `default`, and `x-widget` where the type alone does not tell: `textarea`,
`json` (any value), `pairs` (names and values), `stage`, `agent`, `member` (of the workspace). `x-guarded` marks what
decides whom an action reaches: a language model may fill it only where its agent says so (`agents.tools`).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from config.lib.registry import DuplicateName, Registry

if TYPE_CHECKING:
    from agents.llm import Meter
    from crm.models import Workspace


class Effect(StrEnum):
    """What a step may leave behind, and so how the journal writes it (see `executions.journal`)."""

    NONE = "none"  # nothing outside the run; journalled with its finish
    DATABASE = "database"  # our own tables: the writes and the journal row are one transaction
    REPEATABLE = "repeatable"  # outside, but the same idempotency key makes a second try harmless
    OUTSIDE = "outside"  # outside, and after a crash nobody can know


class ActionFailed(Exception):
    """An expected failure, said in words for the workspace owner. `retry_after`: seconds that the peer asked for;
    `host`: the host outside whose fault it is, as `agents.hosts` names it. `is_answer`: a host said so, and is well.
    `answered`: what a model answered that is of no use, for people to read.
    """

    is_answer = False
    answered: dict[str, Any] | None = None

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        host: str = "",
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after = retry_after
        self.host = host


class HostAway(ActionFailed):
    """A host outside fails every call, so that it is not called now: the run is held until it answers again.

    `until`: when somebody asks it again.
    """

    def __init__(self, message: str, *, host: str, until: dt.datetime) -> None:
        super().__init__(message, retryable=True, host=host)
        self.until = until


class InDoubt(ActionFailed):
    """It broke off where nobody can know whether it took effect: not repeated, a person decides."""


class Wait(Exception):
    """Raised by an action that wants to go on later; the run gives its place back until then."""

    def __init__(self, until: dt.datetime) -> None:
        super().__init__(f"waits until {until.isoformat()}")
        self.until = until


class NeedsApproval(Exception):
    """A step waits for a person, who decides before it happens; the run gives its place back until then."""


class Rejected(ActionFailed):
    """A person rejected the step."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What an action may know of the run that it is part of. `variables`: the roots of `agents.templating`."""

    workspace_id: uuid.UUID
    agent_id: uuid.UUID
    agent_name: str
    execution_id: uuid.UUID
    step_number: int
    idempotency_key: str
    variables: Mapping[str, Any]
    secrets: tuple[str, ...] = ()  # of the agent: nothing that is told may hold them
    is_test: bool = False
    deadline_at: dt.datetime | None = None
    started_at: dt.datetime | None = (
        None  # when this step was first begun, on an earlier pass of the run
    )
    model: str = ""  # of the agent, as its instructions
    instructions: str = ""
    meter: Meter | None = None  # guards the budgets that a call of a model counts toward
    tell: Callable[[str], None] | None = None  # hears a text while it is written
    # What the step took, filled in by an action that asks a model: {"model", "input_tokens", "output_tokens", "cost"}.
    usage: dict[str, Any] = field(default_factory=dict)


Perform = Callable[[Scene, dict[str, Any]], Any] | Callable[[Scene, dict[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Action:
    """`schema`: JSON Schema of the params as an editor shows them; see the module. Params hold texts with variables;
    `perform(scene, params)` gets them rendered and answers a JSON-shaped output. It is a plain function where the
    effect is DATABASE, and runs inside the step's transaction; else it is `async`.

    `reaches(params)`: whether it changes or tells something outside even where whom it reaches is fixed; by default so
    where nothing in its schema says whom.

    `raw`: params that the action gets with their variables unfilled, because it tells data apart from text.
    `effect_of(params)` refines the effect for some params (a GET is repeatable). `check(params, workspace)` -> problems
    as texts by param, beyond the schema, on save; params with variables may still hold any text.
    """

    name: str
    label: str
    description: str
    schema: dict[str, Any]
    effect: Effect
    perform: Perform
    effect_of: Callable[[dict[str, Any]], Effect] | None = None
    reaches: Callable[[Mapping[str, Any]], bool] | None = None
    raw: tuple[str, ...] = ()
    check: Callable[[dict[str, Any], Workspace], dict[str, str]] | None = None
    icon: str = "bolt"
    output_sample: dict[str, Any] = field(default_factory=dict)


registry: Registry[Action] = Registry("actions")


def register(**fields: Any) -> Callable[[Perform], Perform]:
    """Decorator for the `perform` function; the keywords are Action's fields."""

    def add(perform: Perform) -> Perform:
        known = fields["name"] in registry and registry.get(fields["name"])
        if known and known.perform.__module__ != perform.__module__:
            raise DuplicateName(
                f"action {fields['name']!r} is registered by {known.perform.__module__} already"
            )
        registry.register(fields["name"], Action(perform=perform, **fields))
        return perform

    return add
