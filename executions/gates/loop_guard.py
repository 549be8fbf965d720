"""Does this run lead back to itself? A trigger fires once in a chain, unless it allows re-entry,
and a chain is at most 5 deep.
"""

from __future__ import annotations

from executions.gates import Candidate, Refusal
from executions.models import Reason

MAX_DEPTH = 5


def refuse(candidate: Candidate) -> Refusal | None:
    event, trigger = candidate.event, candidate.trigger
    if event.depth > MAX_DEPTH:
        return Refusal(
            Reason.LOOP_GUARD,
            f"{event.depth} runs led here, one after the other; {MAX_DEPTH} are allowed",
        )
    if str(trigger.pk) in event.chain and not trigger.allow_reentry:
        return Refusal(Reason.LOOP_GUARD, "this trigger already fired in the chain that led here")
    return None
