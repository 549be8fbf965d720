"""Queued and retrying rows that will not run after all: each gets its reason, and the pages hear of it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence

from executions import live, logbook, notices, statements
from executions.models import Execution

TOLD_AT_ONCE = 200  # of one workspace; where more are skipped together, pages look at the database

_RETURNED = (
    *("id", "workspace_id", "event_id", "agent_id", "agent_name", "trigger_id", "trigger_name"),
    *("status", "reason", "is_test", "attempt"),
)


def skip(ids: Iterable[uuid.UUID], *, reason: str, now: dt.datetime, note: str = "") -> int:
    """Skips those of the rows that still wait; answers how many. `note`: more than the reason says, for people."""
    wanted = list(ids)
    if not wanted:
        return 0
    found = statements.run(
        "skip_executions", {"ids": wanted, "reason": str(reason), "now": now, "note": note}
    )
    executions = [Execution(**dict(zip(_RETURNED, row, strict=True))) for row in found]
    _tell(executions)
    logbook.skipped(executions, reason=str(reason))
    return len(executions)


def _tell(executions: Sequence[Execution]) -> None:
    """`execution:skipped` for each, after the commit."""
    news: dict[uuid.UUID, list[notices.Notice]] = defaultdict(list)
    for execution in executions:
        told = news[execution.workspace_id]
        if len(told) < TOLD_AT_ONCE:
            told.append(notices.execution_changed("skipped", execution))
    for workspace_id, told in news.items():
        if len(told) == TOLD_AT_ONCE:
            told.append(notices.overflow())
        live.push_many(workspace_id, told)
