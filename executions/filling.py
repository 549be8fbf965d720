"""Row 8 of the path, at its begin: inputs that the run still lacks, because a model reads them out of the event.

That is step 0 of the journal, before the agent's own: a retry and a run that goes on after a crash take the values from
there and ask no model again. One call for all inputs of one model.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agents import llm
from agents.actions import Action, ActionFailed, Effect, Scene
from agents.llm import providers
from agents.plans import Plan, scene
from config.lib.threads import in_thread
from executions.loading import Work
from executions.models import Execution
from executions.step_rows import LeaseLost
from triggers import extracting, extracts, facts
from triggers.extracting import Asked

NUMBER = 0
KIND = "extract"


async def fill(work: Work) -> Plan:
    """The plan of the run with all its inputs. Raises as `runner.run`."""
    execution, plan = work.execution, work.plan
    if not execution.extracts:
        return plan
    recorded = work.journal.recorded(NUMBER)
    values = recorded.output if recorded else await _extract(work)
    inputs = {**execution.inputs, **values}
    if inputs != execution.inputs:
        await in_thread(_show, work, inputs)
    return replace(plan, variables={**plan.variables, "inputs": inputs})


async def _extract(work: Work) -> Any:
    execution = work.execution
    asked = _asked(execution)

    async def perform(scene: Scene, _params: dict[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for one in asked:
            values |= await _ask(one, scene)
        wanted = [entry for one in asked for entry in one.wanted]
        return extracting.settled(wanted, values, defaults=execution.inputs)

    action = Action(KIND, "Extract", "", {}, Effect.REPEATABLE, perform)
    here = scene(work.plan, NUMBER, work.plan.variables, journal=work.journal)
    request = {"calls": [one.as_json() for one in asked]}
    return await work.journal.perform(action, here, request)


def _asked(execution: Execution) -> list[Asked]:
    """One for each model."""
    assert execution.agent is not None  # `loading` leaves such runs out
    by_model: dict[str, list[extracts.Extract]] = {}
    for one in extracts.read(execution.extracts or {}):
        by_model.setdefault(providers.model_for(execution.agent, one.model), []).append(one)
    known = facts.facts(execution.event.payload, source=execution.event.source)
    return [Asked.of(wanted, known, model=model) for model, wanted in by_model.items()]


async def _ask(asked: Asked, scene: Scene) -> dict[str, Any]:
    if not asked.model:
        names = ", ".join(asked.names.values())
        raise ActionFailed(
            f"Which model reads {names} out of the event? Name one in the mapping, in the agent or in the workspace."
        )
    try:
        filled = await extracting.ask(
            asked, workspace_id=scene.workspace_id, secrets=scene.secrets, meter=scene.meter
        )
    except llm.Unusable as error:
        _count(scene, error.taken)
        raise
    _count(scene, llm.told(filled))
    return filled.value


def _count(scene: Scene, taken: dict[str, Any]) -> None:
    """Adds what a call took to what the step took; `cost` is null as soon as nobody knows the price of one."""
    so_far = scene.usage
    if not so_far or not taken:
        so_far.update(taken)
        return
    so_far["model"] = ", ".join(dict.fromkeys([so_far["model"], taken["model"]]))
    for name in ("input_tokens", "output_tokens"):
        so_far[name] += taken[name]
    costs = (so_far["cost"], taken["cost"])
    so_far["cost"] = None if None in costs else round(sum(costs), 6)


def _show(work: Work, inputs: dict[str, Any]) -> None:
    """The run's row has the values too, for people to read and for a replay of what it began."""
    mine = Execution.objects.running_under(work.journal.lease).filter(pk=work.execution.pk)
    if not mine.update(inputs=inputs):
        raise LeaseLost
    work.execution.inputs = inputs
