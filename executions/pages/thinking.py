"""What language models took, day by day: the card of the dashboard."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Sum
from django.db.models.functions import TruncDate

from crm.models import Workspace
from executions.models import Spending

DAYS = 14
HEIGHT, STEP = 60, 26  # of the drawing area, and of one day in it


@dataclass(frozen=True, slots=True)
class Day:
    """`y` and `height` in the drawing area. `cost` in dollars, of the calls whose price is known."""

    date: dt.date
    tokens: int
    cost: Decimal
    calls: int
    x: int
    y: float
    height: float


def last_days(workspace: Workspace, *, now: dt.datetime) -> list[Day]:
    """Empty where no model was asked lately. One query, index spending_workspace."""
    zone = ZoneInfo(workspace.timezone)
    today = now.astimezone(zone).date()
    first = workspace.midnight(now - dt.timedelta(days=DAYS - 1))
    rows = (
        Spending.objects.filter(workspace=workspace, at__gte=first)
        .annotate(date=TruncDate("at", tzinfo=zone))
        .order_by()
        .values("date")
        .annotate(
            tokens=Sum(F("input_tokens") + F("output_tokens")), cost=Sum("cost"), calls=Count("pk")
        )
    )
    found: dict[dt.date, dict[str, Any]] = {row["date"]: dict(row) for row in rows}
    if not found:
        return []
    most = max(row["tokens"] for row in found.values()) or 1
    dates = [today - dt.timedelta(days=DAYS - 1 - index) for index in range(DAYS)]
    return [_day(date, found.get(date, {}), index, most) for index, date in enumerate(dates)]


def _day(date: dt.date, row: dict[str, Any], index: int, most: int) -> Day:
    tokens = row.get("tokens", 0)
    height = round(max(1.5, tokens / most * HEIGHT), 2) if tokens else 0.0
    cost = row.get("cost") or Decimal(0)
    return Day(date, tokens, cost, row.get("calls", 0), index * STEP, HEIGHT - height, height)
