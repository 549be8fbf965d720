"""Senders whom nobody verified have a part of an agent's day: public forms, unsigned webhooks, what follows of them.

The other part stays for what happens in the CRM, so that spam can neither use an agent's day up nor pause it. What is
beyond the share is skipped; a replay is a person's decision and counts on the whole day only.
"""

from __future__ import annotations

import math

from django.conf import settings

from agents.models import Agent
from executions import gates
from executions.gates import Asked, Key, Ready, Room, begins, daily_limit

NAME = "unsigned_share"


def of_day(limit: int) -> int:
    """How many of a day's runs they may have; rounded up, so that an agent with one run a day still hears a form."""
    share: float = settings.UNSIGNED_DAILY_SHARE
    return math.ceil(limit * share)


def of_agent(agent: Agent) -> int | None:
    """The same; None where the agent's days have no limit."""
    limit = agent.limit(daily_limit.LIMIT)
    return None if limit is None else of_day(limit)


def note(agent: Agent) -> str:
    """Why a run was skipped, for people."""
    return (
        "Senders whom nobody verified, such as public forms, had used up their share of the agent's day: "
        f"{of_agent(agent)} of its {agent.limit(daily_limit.LIMIT)} runs."
    )


def _counts(row: Ready) -> bool:
    return row.is_unsigned and begins(row)


@gates.claim(NAME, place=120, counts=_counts)
def free(asked: Asked) -> dict[Key, Room]:
    limits = asked.agent_limits(daily_limit.LIMIT)
    shares = {agent_id: of_day(limit) for agent_id, limit in limits.items()}
    return daily_limit.left_of(asked, shares, unsigned_only=True)
