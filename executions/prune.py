"""Deleting what nobody needs any more, in small batches."""

from __future__ import annotations

import datetime as dt

from config.lib import clock
from executions.models import AgentStart

BATCH = 5_000
KEEP_STARTS = dt.timedelta(hours=50)  # the longest day that a gate counts has 25 hours


def prune() -> int:
    """Starts that no window can see any more; answers how many rows."""
    old = AgentStart.objects.filter(at__lt=clock.now() - KEEP_STARTS)
    deleted = 0
    while ids := list(old.values_list("pk", flat=True)[:BATCH]):
        deleted += AgentStart.objects.filter(pk__in=ids).delete()[0]
    return deleted
