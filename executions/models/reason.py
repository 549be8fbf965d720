"""Why a run was skipped: our own reasons, and those that gates of an installation bring along."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models

from config.lib.registry import Registry


class Reason(models.TextChoices):
    """Why an execution was skipped (or, `poison`, failed; or, `host_away`, waits)."""

    AGENT_PAUSED = "agent_paused", "Agent paused"
    AGENT_NOT_LIVE = "agent_not_live", "Agent not Live"
    TRIGGER_DISABLED = "trigger_disabled", "Trigger disabled"
    TRIGGER_ERROR = "trigger_error", "Trigger in error"
    CONDITION_FALSE = "condition_false", "Condition not met"
    CONDITION_ERROR = "condition_error", "Condition could not be judged"
    COOLDOWN = "cooldown", "Cooling down"
    DAILY_LIMIT = "daily_limit", "Daily limit reached"
    LOOP_GUARD = "loop_guard", "Loop stopped"
    OVERLAP = "overlap", "Still running"
    EXPIRED = "expired", "Too old"
    REJECTED = "rejected", "Rejected"
    POISON = "poison", "Its worker died twice"
    HOST_AWAY = "host_away", "Waits for a host"
    BUDGET = "budget", "Budget of the day used up"


@dataclass(frozen=True, slots=True)
class OwnReason:
    """`label` as in lists; `sentence` as on the page of a skipped run."""

    name: str
    label: str
    sentence: str


own_reasons: Registry[OwnReason] = Registry("reasons")


def labels() -> dict[str, str]:
    """Every reason that there is, by name."""
    own = {name: own_reasons.get(name).label for name in own_reasons}
    return {one.value: one.label for one in Reason} | own


def label_of(name: str) -> str:
    """Empty for none; the name itself where the gate that brought it is gone."""
    return labels().get(name, name)
