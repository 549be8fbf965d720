"""How long a workspace keeps its history: days by name, with the server's settings for what it does not name itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError

MAX_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Period:
    """One number of days that a workspace may set."""

    name: str
    label: str
    help: str


STATUSES = ("completed", "failed", "timed_out", "cancelled", "skipped")
PERIODS = (
    Period("executions", "History", "Events, and what came of them."),
    Period(
        "payloads",
        "Contents",
        "What events said, what runs were given and what they answered; after that only the outline stays.",
    ),
    *(
        Period(status, f"Runs: {status.replace('_', ' ')}", "Instead of the days of the history.")
        for status in STATUSES
    ),
    Period("alerts", "Alerts", "From the day they were resolved; open alerts stay."),
)
NAMES = tuple(period.name for period in PERIODS)


def days(retention: Mapping[str, int]) -> dict[str, int]:
    """Every period in days: the workspace's own, else what it follows from."""
    history = retention.get("executions", settings.RETENTION_DAYS)
    standard = dict.fromkeys(NAMES, history) | {"payloads": settings.PAYLOAD_DAYS}
    return {name: retention.get(name, standard[name]) for name in NAMES}


def problems_of(retention: Any) -> dict[str, str]:
    """What is wrong, by name; empty where nothing is."""
    if not isinstance(retention, dict):
        return {"": "Give an object of names and days."}
    return {
        name: problem for name, value in retention.items() if (problem := _problem(name, value))
    }


def _problem(name: str, value: Any) -> str:
    if name not in NAMES:
        return f"There is no such period; there are: {', '.join(NAMES)}."
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_DAYS:
        return f"Give whole days, 1 to {MAX_DAYS}."
    return ""


def known_periods(retention: Any) -> None:
    """The model's validator."""
    if problems := problems_of(retention):
        raise ValidationError(
            [f"{name}: {text}" if name else text for name, text in problems.items()]
        )
