"""Is there money and are there tokens left today? Of agents that ask models, and of triggers that have inputs read by
one, where the agent or its workspace has a budget of a day.

What is queued waits for tomorrow, or for a larger budget, and is not begun in vain. A run that has begun goes on to its
next call, which is refused where there is no room (`executions.budgets`).
"""

from __future__ import annotations

import datetime as dt

from agents.models import Agent
from crm.models import Workspace
from executions import gates, spending_days
from executions.gates import Asked, Key, Room
from executions.models import SpendingDay
from executions.spending_days import WHOLE, Spent
from triggers import extracts

NAME = "budget"


@gates.claim(NAME, place=160)
def free(asked: Asked) -> dict[Key, Room]:
    """Room only where there is none. One query; none where nobody has a budget. Uses index spending_day_once."""
    bounded = {gate.agent_id: gate.agent for gate in asked.gates if _is_bounded(gate.agent)}
    asking: dict[Key, Agent] = {
        ("agent", agent.pk): agent for agent in bounded.values() if agent.asks_models
    }
    for trigger in asked.triggers:
        if trigger.agent_id in bounded and extracts.of(trigger.input_mapping):
            asking["trigger", trigger.pk] = bounded[trigger.agent_id]
    if not asking:
        return {}
    spent = _spent(list(asking.values()), asked.now)
    return {
        key: Room(0, free_at=look_again_at(agent.workspace, asked.now))
        for key, agent in asking.items()
        if _used_up(agent, spent)
    }


def note(agent: Agent, *, now: dt.datetime) -> str:
    """Whose budget is used up, in a sentence; the agent has its workspace. One query."""
    return _used_up(agent, _spent([agent], now))


def with_room(agents: list[Agent], *, now: dt.datetime) -> list[Agent]:
    """Those whose budgets have room by now; they have their workspaces. One query."""
    spent = _spent(agents, now) if agents else {}
    return [agent for agent in agents if not _used_up(agent, spent)]


def look_again_at(workspace: Workspace, now: dt.datetime) -> dt.datetime:
    return min(workspace.next_midnight(now), now + spending_days.LOOK_AGAIN)


def _is_bounded(agent: Agent) -> bool:
    of_both = (spending_days.of_workspace(agent.workspace), spending_days.of_agent(agent))
    return any(budget.is_set for budget in of_both)


Found = dict[tuple[object, object], Spent]  # by workspace and agent; without one of the workspace


def _spent(agents: list[Agent], now: dt.datetime) -> Found:
    midnights = {agent.workspace_id: agent.workspace.midnight(now) for agent in agents}
    days = SpendingDay.objects.of_any(midnights, [WHOLE, *(agent.pk for agent in agents)])
    return {
        (day.workspace_id, day.agent_id): spending_days.spent_on(day)
        for day in days.containing(now)
        if day.began_at == midnights[day.workspace_id]
    }


def _used_up(agent: Agent, spent: Found) -> str:
    budgets = {
        agent.pk: spending_days.of_agent(agent),
        WHOLE: spending_days.of_workspace(agent.workspace),
    }
    for agent_id, budget in budgets.items():
        if said := budget.used_up(spent.get((agent.workspace_id, agent_id), Spent())):
            return f"{budget.whose} has used up its budget of {said} for today."
    return ""
