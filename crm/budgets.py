"""What language models may take in a workspace on one day: tokens, and money in US dollars."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError


@dataclass(frozen=True, slots=True)
class Budget:
    """One limit that a workspace may set. `is_money`: dollars, with cents, else whole tokens."""

    name: str
    label: str
    most: int
    is_money: bool = False


BUDGETS = (
    Budget("max_tokens_per_day", "Tokens of models, per day", 10_000_000_000),
    Budget("max_cost_per_day", "Dollars for models, per day", 10_000_000, is_money=True),
)
NAMES = tuple(budget.name for budget in BUDGETS)


def all_of(budgets: dict[str, Any]) -> dict[str, int | float | None]:
    """Every budget by name; None is unlimited."""
    return {name: budgets.get(name) for name in NAMES}


def problems_of(budgets: Any) -> dict[str, str]:
    """What is wrong, by name; empty where nothing is."""
    if not isinstance(budgets, dict):
        return {"": "Give an object of names and numbers."}
    known = {budget.name: budget for budget in BUDGETS}
    found: dict[str, str] = {}
    for name, value in budgets.items():
        if name not in known:
            found[str(name)[:100]] = f"There is no such budget; there are: {', '.join(NAMES)}."
        elif problem := _problem(known[name], value):
            found[name] = problem
    return found


def _problem(budget: Budget, value: Any) -> str:
    kind = (int, float) if budget.is_money else int
    fits = isinstance(value, kind) and not isinstance(value, bool) and 0 < value <= budget.most
    if fits and budget.is_money:
        fits = Decimal(str(value)).normalize().as_tuple().exponent >= -6  # type: ignore[operator]
    if fits:
        return ""
    if budget.is_money:
        return f"Give dollars, more than 0 and at most {budget.most:,}, with 6 decimals at most."
    return f"Give a whole number from 1 to {budget.most:,}."


def known_budgets(budgets: Any) -> None:
    """The model's validator."""
    if problems := problems_of(budgets):
        raise ValidationError(
            [f"{name}: {text}" if name else text for name, text in problems.items()]
        )
