"""Is the trigger switched on, and are triggers of its type?"""

from __future__ import annotations

from executions.gates import Candidate, Refusal
from executions.models import Reason
from triggers import sources
from triggers.models import TriggerStatus


def refuse(candidate: Candidate) -> Refusal | None:
    trigger = candidate.trigger
    status = trigger.status
    if candidate.is_test:
        return None
    if said := sources.why_off(trigger.trigger_type, trigger.config):
        return Refusal(Reason.TRIGGER_DISABLED, said)
    if status == TriggerStatus.ACTIVE:
        return None
    if status == TriggerStatus.ERROR:
        return Refusal(Reason.TRIGGER_ERROR, candidate.trigger.last_error)
    return Refusal(Reason.TRIGGER_DISABLED)
