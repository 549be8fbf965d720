"""Writing an agent's configuration. REST, admin and seeds change agents through here: each change is checked and
counted in `version`.

    blueprint.store(Agent(workspace=acme), {"name": "Greeter", "steps": [{"action": "notify", "params": {...}}]})
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from agents import sealing, steps, tools, validation
from agents.models import DEFAULT_RESTRICTIONS, Agent
from agents.steps import Problems

# What a run depends on: a change of these is a new version, which executions remember.
CONFIGURATION = (
    *("name", "instructions", "model", "steps", "tools", "output_schema", "max_turns"),
    "restrictions",
)
FIELDS = (*CONFIGURATION, "description")


class InvalidAgent(ValueError):
    """Everything that is wrong, by path."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        super().__init__(
            "; ".join(f"{path}: {' '.join(found)}" for path, found in problems.items())
        )


class NameTaken(InvalidAgent):
    """Nothing is wrong, only another agent of the workspace has this name."""

    def __init__(self) -> None:
        super().__init__({"name": ["An agent with this name exists already."]})


def store(agent: Agent, fields: Mapping[str, Any]) -> Agent:
    """Checks the fields, sets them and saves; what is not given stays, limits inside `restrictions` too.

    Raises InvalidAgent or NameTaken, and then nothing is saved.
    """
    values = {name: fields[name] for name in FIELDS if name in fields}
    if agent._state.adding:
        values.setdefault("name", agent.name)
    problems = validation.check(values, workspace=agent.workspace, sealed=agent.sealed)
    if problems:
        raise InvalidAgent(problems)
    _set(agent, values)
    try:
        with transaction.atomic():
            agent.save()
    except IntegrityError as error:
        if "agent_name_once" in str(error):
            raise NameTaken from None
        raise
    agent.refresh_from_db(fields=["version"])
    return agent


def _set(agent: Agent, values: dict[str, Any]) -> None:
    if "name" in values:
        values["name"] = values["name"].strip()
    if "model" in values:
        values["model"] = values["model"].strip()
    if "output_schema" in values:
        values["output_schema"] = values["output_schema"] or None
    if "steps" in values or "tools" in values:
        values["steps"], values["tools"], values["sealed"] = sealing.seal_both(
            steps.written_out(values.get("steps", agent.steps)),
            tools.written_out(values.get("tools", agent.tools)),
            sealed=agent.sealed,
        )
    if "restrictions" in values:
        values["restrictions"] = {
            **DEFAULT_RESTRICTIONS,
            **agent.restrictions,
            **values["restrictions"],
        }
    changed = [name for name, value in values.items() if getattr(agent, name) != value]
    for name in changed:
        setattr(agent, name, values[name])
    if set(changed) & set(CONFIGURATION) and not agent._state.adding:
        agent.version = F("version") + 1
