"""What is wrong with a draft, found by the checks of the real thing, without saving anything.

The agent and the trigger are made as rows that are never stored; paths begin with `agent.` or `trigger.`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents import blueprint as agent_blueprint
from agents import templating, validation
from agents.llm import providers
from agents.models import Agent
from config.lib.registry import closest
from crm.models import Workspace
from executions.drafting import blanks, telling
from triggers import blueprint as trigger_blueprint
from triggers import conditions, sources
from triggers.facts import ABOUT
from triggers.models import Trigger
from triggers.problems import InvalidTrigger, NameTaken

Problems = dict[str, list[str]]
AGENT = agent_blueprint.FIELDS
TRIGGER = tuple(
    name for name in trigger_blueprint.FIELDS if name not in ("agent_id", "enabled", "is_active")
)
_ROOTS = ("contact", "deal", "form")
_STRANGE = re.compile(r"(conditions|input_mapping)[.:\[]")  # a warning that names a field


@dataclass(slots=True)
class Checked:
    """`trigger` is None where it cannot be made; it is never saved. `doubts`: warnings that a second try may mend."""

    problems: Problems = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    trigger: Trigger | None = None
    is_taken: bool = False  # nothing is wrong but a name


def check(draft: Mapping[str, Any], workspace: Workspace) -> Checked:
    found = Checked()
    given = draft.get("agent")
    fields = given if isinstance(given, dict) else {}
    agent = Agent(workspace=workspace)
    _check_agent(agent, fields, workspace, found)
    _check_trigger(agent, draft.get("trigger"), workspace, found)
    if found.trigger is not None and not found.problems:
        found.doubts += _strangers(fields, found.trigger, workspace)
        found.doubts += _unnamed(found.trigger, workspace)
    found.warnings += found.doubts
    return found


def _check_agent(agent: Agent, given: dict[str, Any], workspace: Workspace, into: Checked) -> None:
    fields = {name: given[name] for name in AGENT if name in given}
    for name in given.keys() - set(AGENT):
        into.problems[f"agent.{name[:100]}"] = ["An agent has no such field."]
    fields.setdefault("name", "")
    problems = validation.check(blanks.disguised(fields), workspace=workspace)
    into.problems |= {f"agent.{path}": said for path, said in problems.items()}
    if problems:
        return
    for name in ("name", "model", "steps", "instructions"):
        setattr(agent, name, fields.get(name) or getattr(agent, name))
    if not agent.steps and not agent.model:
        into.problems["agent.steps"] = ["Give at least one step, or a model."]
    if said := providers.problem_of_agent(agent, workspace.model_providers.all()):
        into.warnings.append(f"agent.model: {said}")
    if Agent.objects.filter(workspace=workspace, name=agent.name.strip()).exists():
        into.is_taken = not into.problems
        into.problems["agent.name"] = ["An agent with this name exists already."]


def _check_trigger(agent: Agent, given: Any, workspace: Workspace, into: Checked) -> None:
    fields = dict(given) if isinstance(given, dict) else {}
    for name in [name for name in fields if name not in TRIGGER]:
        into.problems[f"trigger.{name[:100]}"] = ["A draft of a trigger has no such field."]
        into.is_taken = False
        del fields[name]
    trigger = Trigger(workspace=workspace)
    try:
        into.warnings += trigger_blueprint.apply(trigger, fields, agent=agent)
    except NameTaken as error:
        into.is_taken = into.is_taken or not into.problems
        into.problems |= {f"trigger.{path}": said for path, said in error.problems.items()}
        return
    except InvalidTrigger as error:
        into.is_taken = False
        into.problems |= {
            f"trigger.{path}".rstrip("."): said for path, said in error.problems.items()
        }
        return
    if trigger.trigger_type not in telling.drafted_types():
        into.problems["trigger.trigger_type"] = [
            "Triggers of this type need addresses and keys: set it up by hand."
        ]
    into.doubts += [said for said in into.warnings if _STRANGE.match(said)]
    into.warnings = [said for said in into.warnings if said not in into.doubts]
    into.trigger = trigger


def _strangers(agent: dict[str, Any], trigger: Trigger, workspace: Workspace) -> Iterator[str]:
    """Variables that no event of this trigger fills."""
    source = sources.find(trigger.trigger_type).within(workspace)
    schema = source.payload_schema(trigger.config)
    has = schema.get("properties", {})
    if not has or schema.get("additionalProperties") is True:
        return
    used = templating.variables_in([agent.get("steps"), agent.get("instructions")])
    for root in _ROOTS:
        if root not in has and any(name.partition(".")[0] == root for name in used):
            yield f"agent.steps: {source.describe(trigger.config)} has no {root}, so @{root} stays empty."


def _unnamed(trigger: Trigger, workspace: Workspace) -> Iterator[str]:
    """Fields of conditions that the type of event does not name, where it names its fields: deal.amount."""
    source = sources.find(trigger.trigger_type).within(workspace)
    schema = source.payload_schema(trigger.config)
    named = conditions.fields(conditions.parse(trigger.conditions))
    for name in sorted(one for one in named if one.partition(".")[0] != ABOUT):
        here: Any = schema
        for part in name.split("."):
            names = here.get("properties") if isinstance(here, dict) else None
            if not names or here.get("additionalProperties"):
                break
            if part not in names:
                meant = closest(part, names)
                hint = f" Did you mean {meant!r}?" if meant else ""
                yield f"trigger.conditions: no event of this type tells of {name!r}.{hint}"
                break
            here = names[part]
