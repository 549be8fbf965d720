"""Budgets of language models: tokens and money, per run, and per day of an agent and of its workspace.

A call is reserved before it is made, with the most that it may take, and settled with what it took. It is made while
what was spent and reserved is below each budget, which is decided under locks (the agent's gate, then the rows of the
day), so a budget is passed by one call at most, however many run side by side. A day's budget that is spent holds the
run until there is room again, and a person is told at 80 and at 100 %; a run's own budget ends the run.

Money needs a price: the workspace's own (`agents.models.ModelPrice`), else what is generally known of the model. A
budget of money for a model without a price lets nothing through.
"""

from __future__ import annotations

import datetime as dt
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from agents.actions import ActionFailed
from agents.llm import Usage, prices
from agents.models import Agent
from config.lib import clock
from config.lib.threads import in_thread
from crm.models import Workspace
from executions import alerts, spending_days
from executions.models import AgentGate, AlertKind, Spending, SpendingDay
from executions.spending_days import WHOLE, DayBudget, Spent

LOOK_SOON = dt.timedelta(
    seconds=15
)  # where calls are under way, which count with the most they may take
WARN_AT = Decimal("0.8")
_CENTS = Decimal("0.000001")  # as exact as the column


class BudgetSpent(ActionFailed):
    """The day's budget has no room: the run waits until `until` and asks again."""

    def __init__(self, message: str, *, until: dt.datetime) -> None:
        super().__init__(message)
        self.until = until


@dataclass(frozen=True, slots=True)
class _Meter(ABC):
    """Implements `agents.llm.Meter`, but for whose call it is."""

    workspace_id: uuid.UUID

    async def reserve(self, model: str, *, most: Usage) -> int:
        return await in_thread(self._reserve, model, most)

    async def settle(self, ticket: int, used: Usage | None) -> Decimal | None:
        return await in_thread(_settle, ticket, used)

    def _reserve(self, model: str, most: Usage) -> int:
        cost = _cost_of(self.workspace_id, model, most)
        with transaction.atomic():
            return self._book(model, most, cost, clock.now())

    @abstractmethod
    def _book(self, model: str, most: Usage, cost: Decimal | None, now: dt.datetime) -> int:
        """The ticket of a call that has room in every budget that it counts in."""


@dataclass(frozen=True, slots=True)
class WorkspaceMeter(_Meter):
    """Of what no agent does: drafts that somebody asks for."""

    def _book(self, model: str, most: Usage, cost: Decimal | None, now: dt.datetime) -> int:
        own = Workspace.objects.get(pk=self.workspace_id)
        call = Spending(workspace=own)
        return _reserve_day(call, model, most, cost, workspace=own, agent=None, now=now)


@dataclass(frozen=True, slots=True)
class RunMeter(_Meter):
    """Of one run."""

    agent_id: uuid.UUID
    execution_id: uuid.UUID

    def _book(self, model: str, most: Usage, cost: Decimal | None, now: dt.datetime) -> int:
        agent = _locked(self.agent_id)
        _refuse_run(agent, self.execution_id, model, cost)
        call, own = Spending(agent_id=agent.pk, execution_id=self.execution_id), agent.workspace
        return _reserve_day(call, model, most, cost, workspace=own, agent=agent, now=now)


def of_run(execution_id: uuid.UUID) -> Spent:
    """Spent and reserved. Uses index spending_execution."""
    return spending_days.total(Spending.objects.filter(execution_id=execution_id))


def of_day(agent: Agent, now: dt.datetime) -> Spent:
    """Spent and reserved since midnight in the agent's workspace. One query."""
    return spending_days.spent(agent.workspace, [agent.pk], now=now).get(agent.pk, Spent())


def of_workspace_day(workspace: Workspace, now: dt.datetime) -> Spent:
    """The same of all that was asked there. One query."""
    return spending_days.spent(workspace, [WHOLE], now=now).get(WHOLE, Spent())


def _cost_of(workspace_id: uuid.UUID, model: str, usage: Usage) -> Decimal | None:
    cost = prices.cost_of(workspace_id, model, usage)
    return None if cost is None else cost.quantize(_CENTS)


def _locked(agent_id: uuid.UUID) -> Agent:
    """The agent, with its workspace, under its gate."""
    gates = AgentGate.objects.select_related("agent__workspace").filter(pk=agent_id)
    gate = gates.select_for_update(of=("self",)).first()
    if gate is None:
        if not Agent.objects.filter(pk=agent_id).exists():
            raise ActionFailed("The agent is gone, and with it what it may spend.")
        AgentGate.objects.bulk_create([AgentGate(pk=agent_id)], ignore_conflicts=True)
        gate = gates.select_for_update(of=("self",)).get()
    return gate.agent


# --- before the call ------------------------------------------------------------------------------


def _reserve_day(
    call: Spending,
    model: str,
    most: Usage,
    cost: Decimal | None,
    *,
    workspace: Workspace,
    agent: Agent | None,
    now: dt.datetime,
) -> int:
    """Stores the call where today has room for it. Raises ActionFailed. Under the gate of the agent."""
    budgets = _budgets(workspace, agent)
    for budget in budgets.values():
        _refuse_unpriced(budget.whose, model, cost, is_money=budget.cost is not None)
    days = spending_days.lock(workspace, list(budgets), now=now)
    spent = spending_days.read(days)
    for agent_id, budget in budgets.items():
        if said := budget.used_up(spent[agent_id]):
            message = f"{budget.whose} has used up its budget of {said} for today."
            what = "" if agent else " Try again tomorrow, or raise it."
            raise BudgetSpent(f"{message}{what}", until=_look_again_at(workspace, now))
    call.workspace, call.model, call.at, call.cost = workspace, model[:200], now, cost
    call.input_tokens, call.output_tokens = most.input_tokens, most.output_tokens
    call.save(force_insert=True)
    spending_days.add(days, _amount(call))
    return int(call.pk)


def _budgets(workspace: Workspace, agent: Agent | None) -> dict[uuid.UUID | None, DayBudget]:
    """Whose days a call counts in, in the order of their locks."""
    found: dict[uuid.UUID | None, DayBudget] = {}
    if agent is not None:
        found[agent.pk] = spending_days.of_agent(agent)
    return found | {WHOLE: spending_days.of_workspace(workspace)}


def _refuse_run(agent: Agent, execution_id: uuid.UUID, model: str, cost: Decimal | None) -> None:
    tokens, most = agent.limit("max_tokens_per_run"), agent.money("max_cost_per_run")
    if tokens is None and most is None:
        return
    _refuse_unpriced(agent.name, model, cost, is_money=most is not None)
    spent = of_run(execution_id)
    if tokens is not None and spent.tokens >= tokens:
        raise ActionFailed(f"The run has used up its budget of {tokens:,} tokens.")
    if most is not None and spent.cost >= most:
        raise ActionFailed(f"The run has used up its budget of {most:f} dollars.")


def _refuse_unpriced(whose: str, model: str, cost: Decimal | None, *, is_money: bool) -> None:
    if cost is None and is_money:
        raise ActionFailed(
            f"{whose} has a budget of money, and the price of {model} is not known. "
            "Add it in the admin under Model prices."
        )


def _look_again_at(workspace: Workspace, now: dt.datetime) -> dt.datetime:
    """Tomorrow, or before, as the budget may have been raised; soon, where calls of others may turn out to be less.

    One query; uses index spending_workspace.
    """
    lately = now - dt.timedelta(seconds=settings.MODEL_CALL_SECONDS)
    calls = Spending.objects.filter(workspace=workspace, at__gte=lately, is_settled=False)
    wait = LOOK_SOON if calls.exists() else spending_days.LOOK_AGAIN
    return min(workspace.next_midnight(now), now + wait)


def _amount(call: Spending) -> Spent:
    tokens = call.input_tokens + call.output_tokens
    return Spent(tokens, call.cost or Decimal(0), 1, int(call.cost is None))


# --- after it -------------------------------------------------------------------------------------


def _settle(ticket: int, used: Usage | None) -> Decimal | None:
    """What the call cost; None where it was not made, or nobody knows. The sums of its day follow."""
    call = Spending.objects.filter(pk=ticket).first()
    if call is None:  # its workspace is gone
        return None
    before = _amount(call)
    if used is not None:
        call.cost = _cost_of(call.workspace_id, call.model, used)
        call.input_tokens, call.output_tokens = used.input_tokens, used.output_tokens
        call.is_settled = True
    after = Spent() if used is None else _amount(call)
    with transaction.atomic():
        days = spending_days.lock_of(call)
        if used is None:
            call.delete()
        else:
            call.save(update_fields=["cost", "input_tokens", "output_tokens", "is_settled"])
        spending_days.add(days, _difference(after, before))
    if used is None:
        return None
    _warn(days, call)
    return call.cost


def _difference(after: Spent, before: Spent) -> Spent:
    return Spent(
        after.tokens - before.tokens,
        after.cost - before.cost,
        after.calls - before.calls,
        after.unpriced - before.unpriced,
    )


def _warn(days: Sequence[SpendingDay], call: Spending) -> None:
    """One alert at 80 % and one at 100 % of each budget of the day."""
    found = Agent.objects.select_related("workspace").filter(pk__in=[call.agent_id])
    agent = found.first() if call.agent_id else None
    workspace = agent.workspace if agent else Workspace.objects.get(pk=call.workspace_id)
    _warn_of(days, workspace, agent, now=clock.reckoned())


def warn_of_used_up(agents: Sequence[Agent], *, now: dt.datetime) -> None:
    """The same for what waits: no call tells of a budget that was set below what the day has taken. One query."""
    owners = {agent.workspace_id for agent in agents}
    found = SpendingDay.objects.of_any(owners, [WHOLE, *(agent.pk for agent in agents)])
    days = list(found.containing(now)) if agents else []
    for agent in agents:
        mine = [day for day in days if day.workspace_id == agent.workspace_id]
        _warn_of(mine, agent.workspace, agent, now=now)


def _warn_of(
    days: Sequence[SpendingDay], workspace: Workspace, agent: Agent | None, *, now: dt.datetime
) -> None:
    budgets = _budgets(workspace, agent)
    today = workspace.midnight(now)
    for day in days:
        budget = budgets.get(day.agent_id)
        if budget is not None and budget.is_set and day.began_at == today:
            whom = agent if day.agent_id else None
            for unit, limit, used in _used(budget, day):
                if limit is not None and used >= limit * WARN_AT:
                    _alert(workspace, whom, budget.whose, day, unit, limit, used)


def _used(
    budget: DayBudget, day: SpendingDay
) -> Iterable[tuple[str, int | Decimal | None, int | Decimal]]:
    return ("tokens", budget.tokens, day.tokens), ("dollars", budget.cost, day.cost)


def _alert(
    workspace: Workspace,
    agent: Agent | None,
    whose: str,
    day: SpendingDay,
    unit: str,
    limit: int | Decimal,
    used: int | Decimal,
) -> None:
    share = 100 if used >= limit else 80
    whom = "Its runs" if agent else "Runs that ask models"
    what = f"{whom} wait until tomorrow." if share == 100 else f"At 100 % {whom.lower()} wait."
    owner = agent.pk if agent else "workspace"
    alerts.raise_alert(
        workspace.pk,
        AlertKind.BUDGET,
        f"{whose} has used {_said(used)} of {_said(limit)} {unit} for today. {what}",
        agent=agent,
        dedupe_key=f"budget:{owner}:{unit}:{day.date:%Y%m%d}:{share}",
        cause=f"budget:{owner}:{share}",
    )


def _said(amount: int | Decimal) -> str:
    return f"{amount:,.2f}" if isinstance(amount, Decimal) else f"{amount:,}"
