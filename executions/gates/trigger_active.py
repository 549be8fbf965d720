"""Is the trigger switched on, and are triggers of its type?"""

from __future__ import annotations

from executions import gates
from executions.gates import Candidate, Refusal
from executions.models import Reason
from triggers import sources
from triggers.models import TriggerStatus


@gates.dispatch("trigger_active", place=10)
def refuse(candidate: Candidate) -> Refusal | None:
    trigger = candidate.trigger
    status = trigger.status
    said = sources.why_off(trigger.trigger_type, trigger.config)
    if said and (trigger.trigger_type not in sources.registry or not candidate.is_test):
        return Refusal(Reason.TRIGGER_DISABLED, said)  # nobody can even try what is not installed
    if candidate.is_test:
        return None
    if status == TriggerStatus.ACTIVE:
        return None
    if status == TriggerStatus.ERROR:
        return Refusal(Reason.TRIGGER_ERROR, candidate.trigger.last_error)
    return Refusal(Reason.TRIGGER_DISABLED)
