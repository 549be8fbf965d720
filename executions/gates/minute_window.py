"""At most so many starts of an agent in any 60 seconds: an exact sliding window over its rows in AgentStart."""

from __future__ import annotations

import datetime as dt

from executions import gates, statements
from executions.gates import Asked, Key, Room
from executions.gates.window import room_in_window

LIMIT = "max_executions_per_minute"
WINDOW = dt.timedelta(seconds=60)


@gates.claim("minute_window", place=130)
def free(asked: Asked) -> dict[Key, Room]:
    limits = asked.agent_limits(LIMIT)
    if not limits:
        return {}
    counted = statements.run(
        "count_starts_of_agents",
        {
            "ids": list(limits),
            "limits": list(limits.values()),
            "since": [asked.now - WINDOW] * len(limits),
            "until": asked.now + WINDOW,
            "first_only": False,
            "unsigned_only": False,
        },
    )
    return {
        ("agent", agent_id): room_in_window(n, oldest, limit=limits[agent_id], window=WINDOW)
        for agent_id, n, oldest in counted
    }
