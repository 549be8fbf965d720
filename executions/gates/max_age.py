"""Has it waited too long? What is older than the trigger's `max_age_seconds` when its turn comes is skipped."""

from __future__ import annotations

import datetime as dt

from executions.gates import Ready
from triggers.models import Trigger


def is_expired(row: Ready, trigger: Trigger, now: dt.datetime) -> bool:
    """A run that has begun before does not expire."""
    if trigger.max_age_seconds is None or row.resumes or row.attempt:
        return False
    return now - row.created_at > dt.timedelta(seconds=trigger.max_age_seconds)
