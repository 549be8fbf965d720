"""The sums of days that budgets are decided on: one row per agent and day, and one for the whole workspace.

A row is made at the first call of its day, from what was spent since its midnight, and from then on kept in step with
`Spending` in the same transactions, under its lock: so a sum costs one row, however many calls a day has. Days follow
the workspace's timezone; after that was changed a call may lie in two days, and counts in both.

Locks come after those of gates: the agent's row, then the workspace's.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from agents.models import Agent
from crm.models import Workspace
from executions.models import Spending, SpendingDay

LOOK_AGAIN = dt.timedelta(minutes=5)  # what was held asks again: its budget may have been raised
WHOLE = None  # the workspace's own row
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Spent:
    """`calls` without a price (`unpriced`) are not in `cost`."""

    tokens: int = 0
    cost: Decimal = _NOTHING
    calls: int = 0
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class DayBudget:
    """What may be spent in a day; None is unlimited. `whose`: how a sentence begins."""

    whose: str
    tokens: int | None = None
    cost: Decimal | None = None

    @property
    def is_set(self) -> bool:
        return self.tokens is not None or self.cost is not None

    def used_up(self, spent: Spent) -> str:
        """Which of its limits is, in words; empty where there is room."""
        if self.tokens is not None and spent.tokens >= self.tokens:
            return f"{self.tokens:,} tokens"
        if self.cost is not None and spent.cost >= self.cost:
            return f"{self.cost:f} dollars"
        return ""


def of_agent(agent: Agent) -> DayBudget:
    return DayBudget(agent.name, agent.limit("max_tokens_per_day"), agent.money("max_cost_per_day"))


def of_workspace(workspace: Workspace) -> DayBudget:
    cost = workspace.budgets.get("max_cost_per_day")
    return DayBudget(
        f"The workspace {workspace.name}",
        workspace.budgets.get("max_tokens_per_day"),
        None if cost is None else Decimal(str(cost)),
    )


def spent(
    workspace: Workspace, agent_ids: Iterable[uuid.UUID | None], *, now: dt.datetime
) -> dict[uuid.UUID | None, Spent]:
    """Spent and reserved today, by agent (None: the workspace); who spent nothing may be left out.

    One query; uses index spending_day_once.
    """
    days = SpendingDay.objects.of(workspace.pk, agent_ids)
    return read(days.filter(began_at=workspace.midnight(now)))


def read(days: Iterable[SpendingDay]) -> dict[uuid.UUID | None, Spent]:
    return {day.agent_id: spent_on(day) for day in days}


def spent_on(day: SpendingDay) -> Spent:
    return Spent(day.tokens, day.cost, day.calls, day.unpriced)


def lock(
    workspace: Workspace, agent_ids: Sequence[uuid.UUID | None], *, now: dt.datetime
) -> list[SpendingDay]:
    """Today's rows, locked, made where there are none yet. In a transaction. Uses index spending_day_once."""
    began_at = workspace.midnight(now)
    mine = SpendingDay.objects.of(workspace.pk, agent_ids).filter(began_at=began_at).in_order()
    days = list(mine.select_for_update())
    if len(days) < len(agent_ids):
        found = {day.agent_id for day in days}
        missing = [agent_id for agent_id in agent_ids if agent_id not in found]
        _make(workspace, missing, began_at=began_at, now=now)
        days = list(mine.select_for_update())
    return days


def _make(
    workspace: Workspace,
    agent_ids: Iterable[uuid.UUID | None],
    *,
    began_at: dt.datetime,
    now: dt.datetime,
) -> None:
    until = workspace.next_midnight(now)
    date = now.astimezone(ZoneInfo(workspace.timezone)).date()
    days = [
        SpendingDay(
            workspace=workspace,
            agent_id=agent_id,
            date=date,
            began_at=began_at,
            until=until,
            **asdict(_summed(workspace, agent_id, began_at)),
        )
        for agent_id in agent_ids
    ]
    SpendingDay.objects.bulk_create(days, ignore_conflicts=True)


def _summed(workspace: Workspace, agent_id: uuid.UUID | None, since: dt.datetime) -> Spent:
    """From the calls themselves. Uses index spending_agent, spending_workspace."""
    calls = Spending.objects.filter(workspace=workspace, at__gte=since)
    return total(calls if agent_id is WHOLE else calls.filter(agent_id=agent_id))


def total(calls: QuerySet[Spending]) -> Spent:
    """One query."""
    found = calls.aggregate(
        tokens=Coalesce(Sum(F("input_tokens") + F("output_tokens")), 0),
        calls=Count("pk"),
        unpriced=Count("pk", filter=Q(cost=None)),
        cost=Coalesce(Sum("cost"), _NOTHING),  # last: the others mean the column
    )
    return Spent(**found)


def lock_of(call: Spending) -> list[SpendingDay]:
    """The rows that a call counts in, locked. In a transaction. Uses index spending_day_once."""
    owners = {call.agent_id, WHOLE}
    days = SpendingDay.objects.of(call.workspace_id, owners).containing(call.at).in_order()
    return list(days.select_for_update())


def add(days: Iterable[SpendingDay], more: Spent) -> None:
    """To rows that the caller has locked; the rows in hand know it, too."""
    locked = list(days)
    SpendingDay.objects.filter(pk__in=[day.pk for day in locked]).update(
        tokens=F("tokens") + more.tokens,
        cost=F("cost") + more.cost,
        calls=F("calls") + more.calls,
        unpriced=F("unpriced") + more.unpriced,
    )
    for day in locked:
        day.tokens += more.tokens
        day.cost += more.cost
        day.calls += more.calls
        day.unpriced += more.unpriced


def lock_all(workspaces: QuerySet[Workspace]) -> None:
    """For who deletes them: what is being counted is finished first."""
    days = SpendingDay.objects.filter(workspace__in=workspaces.order_by().values("pk")).in_order()
    list(days.select_for_update(of=("self",)).values_list("pk"))
