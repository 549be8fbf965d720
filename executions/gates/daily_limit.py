"""At most so many executions of an agent per day of its workspace.

When a day is full the rest is skipped and the agent pauses. It never goes on by itself; once a person has resumed it,
its day is counted from that moment.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, Q

from executions import gates, statements
from executions.gates import Asked, Key, Room, begins
from executions.models import AgentGate, AgentStart, Reason

LIMIT = "max_executions_per_day"
_AHEAD = dt.timedelta(days=1)  # a clock that was set back has left starts in the future
_JUST_BEFORE = dt.timedelta(microseconds=1)  # the statement counts what is later than its moment


def began(gate: AgentGate, now: dt.datetime) -> dt.datetime:
    """Since when the agent's day is counted: midnight in its workspace, or a later resume."""
    midnight = gate.agent.workspace.midnight(now)
    return max(midnight, gate.day_began_at) if gate.day_began_at else midnight


@dataclass(frozen=True, slots=True)
class Used:
    """Executions of an agent's day: all of them, and those for senders whom nobody verified."""

    all: int
    unsigned: int


def used(gate: AgentGate, now: dt.datetime) -> Used:
    """For pages; the gate has its agent and workspace. One query; uses index start_agent."""
    starts = AgentStart.objects.filter(
        agent_id=gate.agent_id, is_first=True, at__gte=began(gate, now), at__lte=now + _AHEAD
    )
    counted = starts.aggregate(all=Count("pk"), unsigned=Count("pk", filter=Q(is_unsigned=True)))
    return Used(**counted)


@gates.claim("daily_limit", place=110, counts=begins)
def free(asked: Asked) -> dict[Key, Room]:
    """An execution counts on the day of its first start, once."""
    return left_of(asked, asked.agent_limits(LIMIT))


def left_of(
    asked: Asked, limits: Mapping[uuid.UUID, int], *, unsigned_only: bool = False
) -> dict[Key, Room]:
    """What today has left of these limits, by agent. One query; uses index start_agent."""
    if not limits:
        return {}
    days = {gate.agent_id: began(gate, asked.now) for gate in asked.gates}
    counted = statements.run(
        "count_starts_of_agents",
        {
            "ids": list(limits),
            "limits": list(limits.values()),
            "since": [days[agent_id] - _JUST_BEFORE for agent_id in limits],
            "until": asked.now + _AHEAD,
            "first_only": True,
            "unsigned_only": unsigned_only,
        },
    )
    return {
        ("agent", agent_id): Room(limits[agent_id] - n, reason=Reason.DAILY_LIMIT)
        for agent_id, n, _oldest in counted
    }
