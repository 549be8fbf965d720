"""Do the trigger's own conditions hold for this event? What they saw is kept, met or not.

Where only the answer of a model can still make them met, the event passes and says so (`needs_model`).
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any

from config.lib import json
from executions import gates
from executions.gates import Candidate, Refusal
from executions.models import Reason
from triggers import conditions
from triggers.sources import custom

log = logging.getLogger(__name__)


@lru_cache(maxsize=10_000)
def _parsed(tree: bytes) -> conditions.Condition:
    return conditions.parse(json.loads(tree))


@gates.dispatch("rule_conditions", place=30)
def refuse(candidate: Candidate) -> Refusal | None:
    if refusal := _filtered_out(candidate):
        return refusal
    if not candidate.trigger.conditions:
        return None
    try:
        condition = _parsed(json.dumps(candidate.trigger.conditions))
    except conditions.InvalidConditions as error:
        return Refusal(Reason.CONDITION_ERROR, str(error))
    verdict = conditions.judge(condition, candidate.judged, with_trace=True)
    candidate.trace.extend(verdict.trace)
    if verdict.needs_model:
        candidate.needs_model = True
        return None
    if verdict.met is None:
        log.warning(
            "a condition could not be decided",
            extra={
                "trigger": str(candidate.trigger.pk),
                "event": str(candidate.event.pk),
                "notes": _notes(verdict.trace),
            },
        )
    return None if verdict.met else Refusal(Reason(verdict.reason or Reason.CONDITION_FALSE))


def _notes(trace: list[dict[str, Any]]) -> list[str]:
    """What was missing or could not be compared, as `field: note`."""
    return [f"{leaf.get('field')}: {leaf['note']}" for leaf in trace if leaf.get("note")]


def _filtered_out(candidate: Candidate) -> Refusal | None:
    wanted = candidate.trigger.config.get("filter")
    if not wanted:
        return None
    met, trace = custom.matches_filter(wanted, candidate.facts)
    candidate.trace.extend(trace)
    return None if met else Refusal(Reason.CONDITION_FALSE, "the trigger's filter does not fit")
