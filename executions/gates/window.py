"""The exact sliding window that the rate gates share."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence

from executions.gates import Room
from executions.models import AgentStart


def starts_since(
    column: str, limits: Mapping[uuid.UUID, int], since: dt.datetime
) -> dict[uuid.UUID, list[dt.datetime]]:
    """The starts after `since`, oldest first, of each limited agent or trigger. Uses start_agent, start_trigger."""
    found: dict[uuid.UUID, list[dt.datetime]] = {pk: [] for pk in limits}
    if limits:
        rows = AgentStart.objects.filter(
            **{f"{column}_id__in": list(limits)}, at__gt=since
        ).order_by("at")
        for pk, at in rows.values_list(f"{column}_id", "at"):
            found[pk].append(at)
    return found


def room_in_window(starts: Sequence[dt.datetime], *, limit: int, window: dt.timedelta) -> Room:
    """`starts` are those inside the window, oldest first. A place is free again when enough of the
    oldest have left it.
    """
    places = limit - len(starts)
    if places > 0:
        return Room(places)
    if limit <= 0:
        return Room(0)
    return Room(0, free_at=starts[-limit] + window)
