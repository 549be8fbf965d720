"""At most so many starts of a trigger in any 60 minutes; the rest waits."""

from __future__ import annotations

import datetime as dt

from executions.gates import Asked, Key, Room
from executions.gates.window import room_in_window, starts_since

WINDOW = dt.timedelta(hours=1)


def free(asked: Asked) -> dict[Key, Room]:
    limits = {
        trigger.pk: trigger.max_executions_per_hour
        for trigger in asked.triggers
        if trigger.max_executions_per_hour is not None and not trigger.is_builtin
    }
    starts = starts_since("trigger", limits, asked.now - WINDOW)
    return {
        ("trigger", trigger_id): room_in_window(starts[trigger_id], limit=limit, window=WINDOW)
        for trigger_id, limit in limits.items()
    }
