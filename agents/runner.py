"""Row 9 of the path: performing one run, its steps in order. Knows no tables of its own; the
journal writes down what happens.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from agents import actions, templating
from agents.actions import Action, ActionFailed, Scene


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run is made of. `steps` as `Agent.steps`; `variables`: the roots of `@` variables without `steps`;
    `secrets`: texts in the steps that nobody may read.
    """

    execution_id: uuid.UUID
    workspace_id: uuid.UUID
    agent_id: uuid.UUID
    agent_name: str
    steps: Sequence[Mapping[str, Any]]
    variables: Mapping[str, Any]
    secrets: tuple[str, ...] = ()
    is_test: bool = False
    deadline_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A step that an earlier pass of this run has finished."""

    output: Any
    error: str = ""


class Journal(Protocol):
    """Writes steps down around their effect; the implementation is `executions.journal`."""

    def recorded(self, number: int) -> Recorded | None:
        """What step `number` came to on an earlier pass; None where it has not finished."""

    def began_at(self, number: int) -> dt.datetime | None:
        """When step `number` was first begun, on whichever pass."""

    async def perform(self, action: Action, scene: Scene, params: dict[str, Any]) -> Any:
        """Performs the action and journals it. Raises what the action raises."""

    def refuse(self, number: int, kind: str, message: str) -> None:
        """Writes down a step that failed before its action could begin."""


@dataclass(slots=True)
class _Run:
    plan: Plan
    journal: Journal
    outputs: dict[str, Any] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, Any]:
        return {**self.plan.variables, "steps": self.outputs}


async def run(plan: Plan, *, journal: Journal) -> dict[str, Any]:
    """Performs the steps; answers `{"steps": {"1": output, ...}}`.

    Raises ActionFailed where a step fails that may not, `actions.Wait` where the run goes on later.
    What an earlier pass finished is taken from the journal and not repeated.
    """
    current = _Run(plan, journal)
    for number, step in enumerate(plan.steps, start=1):
        recorded = journal.recorded(number)
        if recorded is None:
            recorded = await _perform(current, number, step)
        entry: dict[str, Any] = {"output": recorded.output}
        if recorded.error:
            entry["error"] = recorded.error
        current.outputs[str(number)] = entry
    return {"steps": {number: entry["output"] for number, entry in current.outputs.items()}}


async def _perform(current: _Run, number: int, step: Mapping[str, Any]) -> Recorded:
    name = str(step.get("action", ""))
    try:
        action, params = _prepare(current, number, name, step)
        return Recorded(await current.journal.perform(action, _scene(current, number), params))
    except ActionFailed as error:
        if step.get("on_error") == "continue":
            return Recorded(None, error=str(error))
        raise


def _prepare(
    current: _Run, number: int, name: str, step: Mapping[str, Any]
) -> tuple[Action, dict[str, Any]]:
    """The action and its params with the variables filled in; a failure here is journalled like the action's own."""
    try:
        if name not in actions.registry:
            raise ActionFailed(f"There is no action named {name!r}.")
        return actions.registry.get(name), templating.render(
            dict(step.get("params") or {}), current.variables
        )
    except templating.UnknownVariable as error:
        current.journal.refuse(number, name, str(error))
        raise ActionFailed(str(error)) from error
    except ActionFailed as error:
        current.journal.refuse(number, name, str(error))
        raise


def _scene(current: _Run, number: int) -> Scene:
    plan = current.plan
    return Scene(
        workspace_id=plan.workspace_id,
        agent_id=plan.agent_id,
        agent_name=plan.agent_name,
        execution_id=plan.execution_id,
        step_number=number,
        idempotency_key=f"{plan.execution_id}:{number}",
        variables=current.variables,
        secrets=plan.secrets,
        is_test=plan.is_test,
        deadline_at=plan.deadline_at,
        started_at=current.journal.began_at(number),
    )
