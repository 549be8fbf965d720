"""A reviewed draft becomes an agent and its trigger: both or none of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from agents import blueprint as agent_blueprint
from agents.models import Agent
from crm.models import Workspace
from executions import launch, trying
from executions.drafting import blanks, checking
from triggers import blueprint as trigger_blueprint
from triggers.models import Trigger
from triggers.problems import InvalidTrigger


class CannotSave(ValueError):
    """Everything that is wrong, by path; nothing was saved. `is_taken`: nothing but a name."""

    def __init__(self, problems: checking.Problems, *, is_taken: bool = False) -> None:
        self.problems = problems
        self.is_taken = is_taken
        super().__init__(next(f"{path}: {said[0]}" for path, said in problems.items()))


@dataclass(frozen=True, slots=True)
class Saved:
    agent: Agent
    trigger: Trigger
    warnings: list[str]


def save(
    workspace: Workspace, draft: dict[str, Any], *, user_id: int | None, activate: bool
) -> Saved:
    """The agent is a draft and the trigger off, unless `activate`. Raises CannotSave.

    Call it inside the transaction of its audit rows.
    """
    found = checking.check(draft, workspace)
    problems = found.problems | blanks.unfilled(draft)
    if problems:
        raise CannotSave(problems, is_taken=found.is_taken and problems == found.problems)
    agent = Agent(workspace=workspace, created_by_id=user_id)
    trigger = Trigger(workspace=workspace, created_by_id=user_id)
    try:
        with transaction.atomic():
            agent_blueprint.store(agent, draft["agent"])
            wanted = draft["trigger"] | {"agent_id": str(agent.pk), "enabled": activate}
            warnings = trigger_blueprint.store(trigger, wanted, admit=_admit)
            if activate:
                launch.activate(agent)
    except agent_blueprint.InvalidAgent as error:
        raise _refusal("agent", error) from None
    except InvalidTrigger as error:
        raise _refusal("trigger", error) from None
    return Saved(agent, trigger, list(dict.fromkeys([*found.warnings, *warnings])))


def _refusal(part: str, error: agent_blueprint.InvalidAgent | InvalidTrigger) -> CannotSave:
    """Somebody took the name between the check and the save."""
    problems = {f"{part}.{path}".rstrip("."): said for path, said in error.problems.items()}
    return CannotSave(problems, is_taken="Taken" in type(error).__name__)


def _admit(trigger: Trigger) -> list[str]:
    """Conditions in words with examples wait, paused, until these were tried in the background."""
    return trying.admit(trigger, before=trying.Standing(), tried=())
