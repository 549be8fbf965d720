"""Is an earlier run of the trigger still going on? Asked where its configuration says `overlap: skip`.

What a model has still to judge is no run yet; it is asked once more when that has said yes.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from executions import gates
from executions.gates import Candidate, Refusal
from executions.models import TERMINAL, Execution, Reason, Status, Verdict
from triggers.models import Trigger

UNFINISHED = [status for status in Status.values if status not in TERMINAL]


def busy(triggers: Iterable[Trigger]) -> set[uuid.UUID]:
    """Those that ask and have a run which has not ended. One query, none where nobody asks.

    Uses index execution_trigger_open.
    """
    asking = [trigger.pk for trigger in triggers if _asks(trigger)]
    if not asking:
        return set()
    rows = Execution.objects.filter(trigger_id__in=asking, status__in=UNFINISHED, is_test=False)
    rows = rows.exclude(verdict=Verdict.PENDING)
    return set(rows.order_by().values_list("trigger_id", flat=True).distinct())


@gates.dispatch("overlap", place=60)
def refuse(candidate: Candidate) -> Refusal | None:
    trigger = candidate.trigger
    if not _asks(trigger) or candidate.is_test:
        return None
    found = candidate.runs.busy if candidate.runs is not None else busy([trigger])
    if trigger.pk not in found:
        return None
    return Refusal(Reason.OVERLAP, "an earlier run of this trigger has not ended")


def _asks(trigger: Trigger) -> bool:
    return bool(trigger.config.get("overlap") == "skip")
