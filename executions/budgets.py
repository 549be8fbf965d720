"""Budgets of language models: tokens and money, per run and per agent and day.

A call is reserved before it is made, under the lock of its agent's gate, with the most that it may take, and settled
with what it took. It is made while what was spent and reserved is below the budget, so a budget is passed by one call
at most, however many run side by side. A day's budget that is spent holds the run until there is room again, and a
person is told at 80 and at 100 %; a run's own budget ends the run.

Money needs a price: the workspace's own (`agents.models.ModelPrice`), else what is generally known of the model. A
budget of money for a model without a price lets nothing through.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Case, Count, DecimalField, F, Q, Sum, Value, When
from django.db.models.functions import Coalesce

from agents.actions import ActionFailed
from agents.llm import Usage, prices
from agents.models import Agent
from config.lib import clock
from config.lib.threads import in_thread
from executions import alerts
from executions.models import AgentGate, AlertKind, Spending

LOOK_AGAIN = dt.timedelta(minutes=5)  # a held run asks again: its budget may have been raised
WARN_AT = Decimal("0.8")
_NO_MONEY = Value(Decimal(0), output_field=DecimalField(max_digits=14, decimal_places=6))


class BudgetSpent(ActionFailed):
    """The day's budget has no room: the run waits until `until` and asks again."""

    def __init__(self, message: str, *, until: dt.datetime) -> None:
        super().__init__(message)
        self.until = until


@dataclass(frozen=True, slots=True)
class Spent:
    """`calls` without a price are not in `cost`."""

    tokens: int
    cost: Decimal
    calls: int = 0


@dataclass(frozen=True, slots=True)
class RunMeter:
    """Implements `agents.llm.Meter` for one run."""

    workspace_id: uuid.UUID
    agent_id: uuid.UUID
    execution_id: uuid.UUID

    async def reserve(self, model: str, *, most: Usage) -> int:
        cost = await in_thread(prices.cost_of, self.workspace_id, model, most)
        return await in_thread(self._reserve, model, most, cost)

    async def settle(self, ticket: int, used: Usage | None) -> None:
        await in_thread(self._settle, ticket, used)

    def _reserve(self, model: str, most: Usage, cost: Decimal | None) -> int:
        now = clock.now()
        with transaction.atomic():
            gate = (
                AgentGate.objects.select_for_update(of=("self",))
                .select_related("agent__workspace")
                .get(pk=self.agent_id)
            )
            agent = gate.agent
            if cost is None and (
                agent.money("max_cost_per_run") or agent.money("max_cost_per_day")
            ):
                raise ActionFailed(
                    f"{agent.name} has a budget of money, and the price of {model} is not known. "
                    "Add it in the admin under Model prices."
                )
            _refuse_run(agent, of_run(self.execution_id))
            _refuse_day(agent, of_day(agent, now), now)
            row = Spending.objects.create(
                workspace_id=self.workspace_id,
                agent_id=self.agent_id,
                execution_id=self.execution_id,
                model=model[:200],
                input_tokens=most.input_tokens,
                output_tokens=most.output_tokens,
                cost=cost,
                at=now,
            )
        return int(row.pk)

    def _settle(self, ticket: int, used: Usage | None) -> None:
        row = Spending.objects.filter(pk=ticket)
        if used is None:
            row.delete()
            return
        model = row.values_list("model", flat=True).first()
        cost = prices.cost_of(self.workspace_id, model, used) if model else None
        row.update(
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            cost=cost,
            is_settled=True,
        )
        _warn(Agent.objects.select_related("workspace").get(pk=self.agent_id))


def of_run(execution_id: uuid.UUID) -> Spent:
    """Spent and reserved. Uses index spending_execution."""
    return _sum(Q(execution_id=execution_id))


def of_day(agent: Agent, now: dt.datetime) -> Spent:
    """Spent and reserved since midnight in the agent's workspace. Uses index spending_agent."""
    return _sum(Q(agent_id=agent.pk, at__gte=agent.workspace.midnight(now)))


def _sum(which: Q) -> Spent:
    known = Case(When(cost=None, then=_NO_MONEY), default=F("cost"))
    found = Spending.objects.filter(which).aggregate(
        tokens=Coalesce(Sum(F("input_tokens") + F("output_tokens")), 0),
        cost=Coalesce(Sum(known), _NO_MONEY),
        calls=Count("pk"),
    )
    return Spent(found["tokens"], found["cost"], found["calls"])


def _refuse_run(agent: Agent, spent: Spent) -> None:
    tokens, cost = agent.limit("max_tokens_per_run"), agent.money("max_cost_per_run")
    if tokens is not None and spent.tokens >= tokens:
        raise ActionFailed(f"The run has used up its budget of {tokens:,} tokens.")
    if cost is not None and spent.cost >= cost:
        raise ActionFailed(f"The run has used up its budget of {cost:f} dollars.")


def _refuse_day(agent: Agent, spent: Spent, now: dt.datetime) -> None:
    tokens, cost = agent.limit("max_tokens_per_day"), agent.money("max_cost_per_day")
    said = ""
    if tokens is not None and spent.tokens >= tokens:
        said = f"{tokens:,} tokens"
    elif cost is not None and spent.cost >= cost:
        said = f"{cost:f} dollars"
    if said:
        tomorrow = agent.workspace.midnight(now + dt.timedelta(days=1))
        until = min(tomorrow, now + LOOK_AGAIN) if tomorrow > now else now + LOOK_AGAIN
        message = f"{agent.name} has used up its budget of {said} for today. The run waits."
        raise BudgetSpent(message, until=until)


def _warn(agent: Agent) -> None:
    """One alert at 80 % and one at 100 % of a day's budget."""
    now = clock.now()
    limits: list[tuple[str, Any]] = [
        ("tokens", agent.limit("max_tokens_per_day")),
        ("dollars", agent.money("max_cost_per_day")),
    ]
    if all(limit is None for _, limit in limits):
        return
    spent, day = of_day(agent, now), f"{agent.workspace.midnight(now):%Y%m%d}"
    amounts: tuple[int | Decimal, ...] = (spent.tokens, spent.cost)
    for (unit, limit), used in zip(limits, amounts, strict=True):
        if limit is None or used < limit * WARN_AT:
            continue
        share = 100 if used >= limit else 80
        what = "Its runs wait until tomorrow." if share == 100 else "At 100 % its runs wait."
        alerts.raise_alert(
            agent.workspace_id,
            AlertKind.BUDGET,
            f"{agent.name} has used {_said(used)} of {_said(limit)} {unit} for today. {what}",
            agent=agent,
            dedupe_key=f"budget:{agent.pk}:{unit}:{day}:{share}",
            cause=f"budget:{agent.pk}:{share}",
        )


def _said(amount: int | Decimal) -> str:
    return f"{amount:,.2f}" if isinstance(amount, Decimal) else f"{amount:,}"
