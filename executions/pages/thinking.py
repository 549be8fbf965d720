"""What language models took, day by day, and whose agents took most of it: the card of the dashboard."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Sum

from agents.models import Agent
from crm.models import Workspace
from executions import spending_days
from executions.models import SpendingDay
from executions.spending_days import DayBudget, Spent

DAYS = 14
TOP = 5  # agents
HEIGHT, STEP = 60, 26  # of the drawing area, and of one day in it


@dataclass(frozen=True, slots=True)
class Day:
    date: dt.date
    spent: Spent
    x: int


@dataclass(frozen=True, slots=True)
class Bar:
    """`y` and `height` in the drawing area."""

    day: Day
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """`budget`: what a day may take, None for no limit; `line`: its height in the drawing area."""

    bars: list[Bar]
    budget: int | Decimal | None
    line: float | None


@dataclass(frozen=True, slots=True)
class Top:
    """An agent that is gone has no name; what no agent asked has neither. `share` of all tokens, in percent."""

    agent_id: uuid.UUID | None
    name: str
    spent: Spent
    share: int


@dataclass(frozen=True, slots=True)
class Card:
    today: Spent
    first: dt.date
    tokens: Chart
    cost: Chart | None  # where a price is known, or money is limited
    top: list[Top]


def card(workspace: Workspace, *, now: dt.datetime) -> Card | None:
    """None where no model was asked lately. Three queries, index spending_day_date."""
    today = now.astimezone(ZoneInfo(workspace.timezone)).date()
    first = today - dt.timedelta(days=DAYS - 1)
    rows = SpendingDay.objects.filter(workspace=workspace, date__gte=first)
    # Where the timezone was changed a date may have two rows, and the later one has all of the other's end.
    whole = {row.date: spending_days.spent_on(row) for row in rows.filter(agent_id=None).in_order()}
    if not whole:
        return None
    dates = [first + dt.timedelta(days=index) for index in range(DAYS)]
    days = [Day(one, whole.get(one, Spent()), index * STEP) for index, one in enumerate(dates)]
    budget = spending_days.of_workspace(workspace)
    return Card(
        today=days[-1].spent,
        first=first,
        tokens=_chart(days, [day.spent.tokens for day in days], budget.tokens),
        cost=_cost(days, budget),
        top=_top(workspace, first, sum(day.spent.tokens for day in days)),
    )


def _cost(days: Sequence[Day], budget: DayBudget) -> Chart | None:
    costs = [day.spent.cost for day in days]
    return _chart(days, costs, budget.cost) if any(costs) or budget.cost is not None else None


def _chart(
    days: Sequence[Day], amounts: Sequence[int | Decimal], budget: int | Decimal | None
) -> Chart:
    """A budget that is far above all that was spent would press the bars flat: then it is told, and not drawn."""
    most = float(max(amounts)) or 1.0
    is_drawn = budget is not None and float(budget) <= 3 * most
    top = max(most, float(budget)) if budget is not None and is_drawn else most
    bars = [
        _bar(day, float(amount) / top) for day, amount in zip(days, amounts, strict=True) if amount
    ]
    line = HEIGHT - float(budget) / top * HEIGHT if budget is not None and is_drawn else None
    return Chart(bars, budget, None if line is None else round(line, 2))


def _bar(day: Day, share: float) -> Bar:
    height = round(max(1.5, share * HEIGHT), 2)
    return Bar(day, round(HEIGHT - height, 2), height)


def _top(workspace: Workspace, first: dt.date, tokens: int) -> list[Top]:
    """Those that took most in these days."""
    rows = (
        SpendingDay.objects.filter(workspace=workspace, date__gte=first)
        .exclude(agent_id=None)
        .order_by()
        .values_list("agent_id")
        .annotate(read=Sum("tokens"), paid=Sum("cost"), asked=Sum("calls"), free=Sum("unpriced"))
        .order_by("-read", "agent_id")[:TOP]
    )
    found = {agent_id: Spent(*sums) for agent_id, *sums in rows}
    names = _names(found)
    return [
        Top(
            agent_id if agent_id in names else None,
            names.get(agent_id, "An agent that was deleted"),
            spent,
            round(100 * spent.tokens / max(tokens, 1)),
        )
        for agent_id, spent in found.items()
    ]


def _names(agent_ids: Iterable[uuid.UUID | None]) -> dict[uuid.UUID | None, str]:
    rows = Agent.objects.filter(pk__in=[pk for pk in agent_ids if pk])
    return dict(rows.values_list("pk", "name"))
