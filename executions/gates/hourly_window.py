"""At most so many starts of a trigger in any 60 minutes; the rest waits."""

from __future__ import annotations

import datetime as dt

from executions import gates, statements
from executions.gates import Asked, Key, Room
from executions.gates.window import room_in_window

WINDOW = dt.timedelta(hours=1)


@gates.claim("hourly_window", place=140)
def free(asked: Asked) -> dict[Key, Room]:
    limits = {
        trigger.pk: trigger.max_executions_per_hour
        for trigger in asked.triggers
        if trigger.max_executions_per_hour is not None and not trigger.is_builtin
    }
    if not limits:
        return {}
    counted = statements.run(
        "count_starts_of_triggers",
        {
            "ids": list(limits),
            "limits": list(limits.values()),
            "since": asked.now - WINDOW,
            "until": asked.now + WINDOW,
        },
    )
    return {
        ("trigger", trigger_id): room_in_window(n, oldest, limit=limits[trigger_id], window=WINDOW)
        for trigger_id, n, oldest in counted
    }
