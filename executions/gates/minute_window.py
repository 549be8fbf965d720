"""At most so many starts of an agent in any 60 seconds: an exact sliding window over its rows in AgentStart."""

from __future__ import annotations

import datetime as dt

from executions.gates import Asked, Key, Room
from executions.gates.window import room_in_window, starts_since

LIMIT = "max_executions_per_minute"
WINDOW = dt.timedelta(seconds=60)


def free(asked: Asked) -> dict[Key, Room]:
    limits = {
        gate.agent_id: limit
        for gate in asked.gates
        if (limit := gate.agent.limit(LIMIT)) is not None
    }
    starts = starts_since("agent", limits, asked.now - WINDOW)
    return {
        ("agent", agent_id): room_in_window(starts[agent_id], limit=limit, window=WINDOW)
        for agent_id, limit in limits.items()
    }
