"""The exact sliding window that the rate gates share.

After the clock was set back there are starts in the future. They count as far ahead as the window is long, so that it
stays exact; those further ahead do not, else nothing would start until the clock is there again.
"""

from __future__ import annotations

import datetime as dt

from executions.gates import Room


def room_in_window(
    counted: int, oldest: dt.datetime | None, *, limit: int, window: dt.timedelta
) -> Room:
    """`counted`: the newest starts inside the window, at most `limit` of them; `oldest`: the first of those.

    When that one leaves the window, a place is free again.
    """
    if counted < limit:
        return Room(limit - counted)
    return Room(0, free_at=oldest + window if oldest else None)
