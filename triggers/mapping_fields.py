"""A trigger's input mapping as it was given: what is wrong with it, and what is allowed and yet probably not meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agents.llm import providers
from agents.models import Agent
from crm.models import Workspace
from triggers import conditions, extracts, mapping, plain_fields
from triggers.extracts import Extract
from triggers.problems import by_path
from triggers.sources import Problems

FIELD = "input_mapping"


def read(given: Any) -> tuple[dict[str, Any], Problems]:
    """The mapping, and all that is wrong with it, by path."""
    try:
        value = plain_fields.json_object(given)
    except plain_fields.Fault as fault:
        return {}, {FIELD: [str(fault)]}
    return value, by_path(FIELD, mapping.check(value))


def warnings(
    checked: Mapping[str, Any], *, agent: Agent, workspace: Workspace, schema: dict[str, Any]
) -> list[str]:
    """Of what a model extracts: models that cannot be asked, and fields that the events (`schema`) do not have.

    One query where something is extracted.
    """
    wanted = extracts.read(extracts.of(checked))
    if not wanted:
        return []
    agent.workspace = workspace
    return [*_of_models(wanted, agent), *_of_fields(wanted, schema)]


def _of_models(wanted: list[Extract], agent: Agent) -> Iterator[str]:
    rows = list(agent.workspace.model_providers.all())
    for one in wanted:
        model = providers.model_for(agent, one.model)
        problem = (
            providers.problem_of(model, rows)
            if model
            else "Nobody says which model reads this. Name one here, in the agent or in the workspace."
        )
        if problem:
            yield f"{FIELD}.{one.name}: {problem}"


def _of_fields(wanted: list[Extract], schema: dict[str, Any]) -> Iterator[str]:
    for one in wanted:
        for index, field in enumerate(one.context_fields):
            path = f"{FIELD}.{one.name}.context_fields[{index}]"
            if problem := conditions.path_problem(path, field, schema):
                yield str(problem)
