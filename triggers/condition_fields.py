"""The conditions of a trigger as they are given: read, held against what its events look like, and against sense."""

from __future__ import annotations

from typing import Any

from agents.llm import providers
from agents.models import Agent
from config.lib.problems import Problem
from crm.models import Workspace
from triggers import conditions, sources
from triggers.facts import judged_schema
from triggers.problems import InvalidTrigger, by_path

FIELD = "conditions"
NO_MODEL = (
    "No model is set up to judge this. Name one here (provider:model), give the agent one, or choose the workspace's "
    "default model."
)
Schema = dict[str, Any]


def read(given: Any, *, schema: Schema | None = None) -> tuple[dict[str, Any], list[str]]:
    """The canonical tree, and warnings. `schema`: of the event's payload, where it is known.

    Raises InvalidTrigger with the paths, in what was given, of all that is wrong.
    """
    try:
        parsed = conditions.parse(given)
    except conditions.InvalidConditions as error:
        raise InvalidTrigger(by_path(FIELD, error.problems)) from None
    if found := conditions.wording_problems(parsed):
        raise InvalidTrigger(by_path(FIELD, [_as_given(one, given) for one in found]))
    return parsed.tree, _warnings(parsed, schema)


def check(
    given: Any,
    *,
    workspace: Workspace,
    agent: Agent | None = None,
    trigger_type: Any = None,
    config: Any = None,
) -> tuple[dict[str, Any], list[str]]:
    """`read`, with the payload that the type and configuration say, as far as these are right, and with the models
    that would be asked. `agent`: whose trigger it is, where that is known.
    """
    tree, warnings = read(given, schema=_schema(workspace, trigger_type, config))
    parsed = conditions.parse(tree)
    if found := model_problems(parsed, workspace=workspace, agent=agent):
        raise InvalidTrigger(by_path(FIELD, [_as_given(one, given) for one in found]))
    silent = [one for one in conditions.questions(parsed) if not one.model]
    if silent and agent is None and not workspace.default_model:
        warnings.append(f"{FIELD}: The agent's model is asked: it must have one.")
    return tree, warnings


def model_problems(
    parsed: conditions.Condition, *, workspace: Workspace, agent: Agent | None
) -> list[Problem]:
    """Questions whose model is not set up, with what to do. Without an agent its model is not missed."""
    asked = conditions.questions(parsed)
    if not asked:
        return []
    rows = list(workspace.model_providers.all())
    found: list[Problem] = []
    for question in asked:
        model = question.model or (agent.model if agent else "") or workspace.default_model
        said = providers.problem_of(model, rows) if model else NO_MODEL if agent else ""
        if said:
            found.append(Problem(conditions.at(question.path, "model"), said))
    return found


def _schema(workspace: Workspace, trigger_type: Any, config: Any) -> Schema | None:
    if not isinstance(trigger_type, str) or trigger_type not in sources.registry:
        return None
    source = sources.find(trigger_type).within(workspace)
    if not isinstance(config, dict) or source.check(config, workspace=workspace):
        return None
    return source.payload_schema(config)


def _warnings(parsed: conditions.Condition, schema: Schema | None) -> list[str]:
    strange = conditions.field_problems(parsed, judged_schema(schema)) if schema is not None else []
    return [f"{FIELD}: {one}" for one in (*strange, *conditions.wording_doubts(parsed, schema))]


def _as_given(problem: Problem, given: Any) -> Problem:
    return Problem(conditions.path_given(problem.path, given), problem.message, problem.suggestion)
