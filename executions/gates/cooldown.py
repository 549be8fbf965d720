"""Has the trigger fired a moment ago? Counted from the last *accepted* event, in the order of
recording, under the trigger gate's lock. Where a model has still to judge the event, it is asked when that has said
yes, so that events of no interest use no cooldown up (`executions.verdicts`).
"""

from __future__ import annotations

from executions import gates
from executions.gates import Candidate, Refusal
from executions.models import Reason


@gates.dispatch("cooldown", place=50)
def refuse(candidate: Candidate) -> Refusal | None:
    trigger, last = candidate.trigger, candidate.gate.last_accepted_at
    if not trigger.cooldown_seconds or trigger.ignore_cooldown or candidate.is_test or last is None:
        return None
    if candidate.needs_model:
        return None
    passed = (candidate.asks_at - last).total_seconds()
    if passed >= trigger.cooldown_seconds:
        return None
    return Refusal(
        Reason.COOLDOWN,
        f"{passed:.1f} s after the last accepted event; the cooldown is {trigger.cooldown_seconds} s",
    )
