"""Is the trigger switched on?"""

from __future__ import annotations

from executions.gates import Candidate, Refusal
from executions.models import Reason
from triggers.models import TriggerStatus


def refuse(candidate: Candidate) -> Refusal | None:
    status = candidate.trigger.status
    if status == TriggerStatus.ACTIVE or candidate.is_test:
        return None
    if status == TriggerStatus.ERROR:
        return Refusal(Reason.TRIGGER_ERROR, candidate.trigger.last_error)
    return Refusal(Reason.TRIGGER_DISABLED)
