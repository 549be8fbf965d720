"""At most so many runs at once, of an agent and of a trigger. A place is free again when a run finishes."""

from __future__ import annotations

from collections import Counter

from django.db.models import Count, Q

from executions import gates
from executions.gates import Asked, Key, Room
from executions.models import Execution, Status


@gates.claim("concurrency", place=150, counts=lambda _row: True)
def free(asked: Asked) -> dict[Key, Room]:
    """Counts rows that are running now. Uses index execution_running."""
    limits: dict[Key, int] = {}
    for gate in asked.gates:
        if (limit := gate.agent.limit("max_concurrent")) is not None:
            limits["agent", gate.agent_id] = limit
    for trigger in asked.triggers:
        if trigger.max_concurrent is not None:
            limits["trigger", trigger.pk] = trigger.max_concurrent
    if not limits:
        return {}
    running: Counter[Key] = Counter()
    agent_ids = {pk for kind, pk in limits if kind == "agent"}
    trigger_ids = {pk for kind, pk in limits if kind == "trigger"}
    rows = (
        Execution.objects.filter(
            Q(agent_id__in=agent_ids) | Q(trigger_id__in=trigger_ids), status=Status.RUNNING
        )
        .order_by()
        .values_list("agent_id", "trigger_id")
        .annotate(Count("pk"))
    )
    for agent_id, trigger_id, count in rows:
        running["agent", agent_id] += count
        running["trigger", trigger_id] += count
    return {key: Room(max(0, limit - running[key])) for key, limit in limits.items()}
