"""At most so many executions of an agent per day of its workspace.

When a day is full the rest is skipped and the agent pauses.
"""

from __future__ import annotations

from django.db.models import Count, Q

from executions.gates import Asked, Key, Room
from executions.models import AgentStart, Reason

LIMIT = "max_executions_per_day"


def free(asked: Asked) -> dict[Key, Room]:
    """An execution counts on the day of its first start, once. Uses index start_agent."""
    limits = {gate.agent_id: gate.agent.limit(LIMIT) for gate in asked.gates}
    limited = [gate for gate in asked.gates if limits[gate.agent_id] is not None]
    if not limited:
        return {}
    today = Q(pk__in=())
    for gate in limited:
        today |= Q(agent_id=gate.agent_id, at__gte=gate.agent.workspace.midnight(asked.now))
    counted = AgentStart.objects.filter(today, is_first=True).order_by()
    started = dict(counted.values_list("agent_id").annotate(Count("pk")))
    return {
        ("agent", gate.agent_id): Room(
            max(0, (limits[gate.agent_id] or 0) - started.get(gate.agent_id, 0)),
            reason=Reason.DAILY_LIMIT,
        )
        for gate in limited
    }
