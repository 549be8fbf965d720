"""Row 9 of the path: performing one run, its steps in order or its model with tools. Knows no tables of its own; the
journal writes down what happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agents import actions, conversation, templating
from agents.actions import Action, ActionFailed, Rejected, Scene
from agents.llm import providers
from agents.plans import Journal, Plan, Recorded, scene


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
    What an earlier pass finished is taken from the journal and not repeated. An agent without steps that has a model
    answers `{"answer": text or object, "turns": n}` (see `agents.conversation`).
    """
    if plan.model and not plan.steps:
        return await conversation.converse(plan, journal=journal)
    if plan.instructions.strip() and not plan.steps:
        raise ActionFailed(providers.UNHEARD)
    current = _Run(plan, journal)
    for number, step in enumerate(plan.steps, start=1):
        recorded = journal.recorded(number)
        if recorded is None:
            recorded = await _perform(current, number, step)
        if recorded.is_rejected:
            raise Rejected(recorded.error)
        entry: dict[str, Any] = {"output": recorded.output}
        if recorded.error:
            entry["error"] = recorded.error
        current.outputs[str(number)] = entry
    return {"steps": {number: entry["output"] for number, entry in current.outputs.items()}}


async def _perform(current: _Run, number: int, step: Mapping[str, Any]) -> Recorded:
    name = str(step.get("action", ""))
    try:
        action, params = _prepare(current, number, name, step)
        if step.get("needs_approval"):
            params = current.journal.approved(number, action, params)
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
        action, params = actions.registry.get(name), dict(step.get("params") or {})
        raw = {name: params.pop(name) for name in action.raw if name in params}
        return action, {**templating.render(params, current.variables), **raw}
    except templating.UnknownVariable as error:
        current.journal.refuse(number, name, str(error))
        raise ActionFailed(str(error)) from error
    except ActionFailed as error:
        current.journal.refuse(number, name, str(error))
        raise


def _scene(current: _Run, number: int) -> Scene:
    return scene(current.plan, number, current.variables, journal=current.journal)
