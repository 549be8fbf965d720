"""What time takes from the ledger, batch by batch, each its own short transaction: whole events with what came of them,
executions of a status that is kept for less, and the contents of what stays.

Nothing unfinished goes: an event stays as long as one of its executions has not ended, or ended too lately. A batch
first locks its events, then looks once more, now seeing all that was committed before: a replay takes the same lock,
so none begins in between.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from functools import cached_property

from django.db import transaction

from config.lib import ids, json
from crm.models import Workspace
from executions import statements
from executions.models import TERMINAL, Execution
from triggers.models import EventState

BATCH = 500
FIRST = uuid.UUID(int=0)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one batch did. `following`: where the next one begins; None at the end."""

    following: uuid.UUID | None
    rows: int


@dataclass(frozen=True)
class Terms:
    """What a workspace keeps, as moments before `now`."""

    workspace: Workspace
    now: dt.datetime

    @cached_property
    def days(self) -> dict[str, int]:
        return self.workspace.days_kept

    def before(self, name: str) -> dt.datetime:
        return self.now - dt.timedelta(days=self.days[name])

    def shorter(self) -> list[str]:
        """Statuses that are kept for less time than the events."""
        return sorted(
            str(status) for status in TERMINAL if self.days[status] < self.days["executions"]
        )


def delete_events(terms: Terms, after: uuid.UUID) -> Batch:
    """One batch of the old events behind `after`, with all that came of them."""
    floor = ids.floor(terms.before("executions"))
    cutoffs = {status.value: terms.before(status) for status in TERMINAL}
    with transaction.atomic():
        looked, events = _lock(terms, after, floor, cutoffs, dead=True)
        executions = _executions_of(events)
        statements.run("delete_events", {"events": events, "executions": executions})
    return Batch(looked, len(events) + len(executions))


def empty_bodies(terms: Terms, after: uuid.UUID) -> Batch:
    """The same for contents alone. A dead event keeps its own: somebody may still try it again."""
    before = terms.before("payloads")
    cutoffs = dict.fromkeys((status.value for status in TERMINAL), before)
    with transaction.atomic():
        looked, events = _lock(terms, after, ids.floor(before), cutoffs, dead=False)
        executions = _executions_of(events)
        statements.run(
            "empty_bodies",
            {"events": events, "executions": executions, "days": terms.days["payloads"]},
        )
    return Batch(looked, len(events) + len(executions))


def delete_executions(terms: Terms, status: str) -> Batch:
    """One batch of the executions of a status that is kept for less time than events."""
    before = terms.before(status)
    rows = statements.run(
        "delete_executions",
        {
            "workspace": terms.workspace.pk,
            "status": status,
            "before": before,
            "floor": ids.floor(before),
            "limit": BATCH,
        },
    )
    return Batch(FIRST if len(rows) == BATCH else None, len(rows))


def _lock(
    terms: Terms,
    after: uuid.UUID,
    floor: uuid.UUID,
    cutoffs: dict[str, dt.datetime],
    *,
    dead: bool,
) -> tuple[uuid.UUID | None, list[uuid.UUID]]:
    """(Where the next batch begins, the events that may go), locked until the end of the transaction."""
    params = {
        "workspace": terms.workspace.pk,
        "after": after,
        "floor": floor,
        "cutoffs": json.dumps(cutoffs).decode(),
        "states": [EventState.MATCHED.value, *([EventState.DEAD.value] if dead else [])],
        "emptied": dead,
        "only": None,
        "limit": BATCH,
    }
    locked = [row[0] for row in statements.run("lock_old_events", params)]
    looked = locked[-1] if len(locked) == BATCH else None
    if not locked:
        return None, []
    again = statements.run("lock_old_events", {**params, "only": locked})
    return looked, [row[0] for row in again]


def _executions_of(events: list[uuid.UUID]) -> list[uuid.UUID]:
    return list(
        Execution.objects.filter(event_id__in=events).order_by().values_list("pk", flat=True)
    )
