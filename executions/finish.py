"""Ending runs, many at once: the ledger's rows, the steps that were kept for the end, and the
figures of their triggers.

One transaction per group: agent gates first, then the executions, then their triggers' figures, each in the order
of their ids.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction

from config.lib import clock, json, wake
from config.lib.passing import is_passing
from executions import (
    alerts,
    completing,
    counting,
    evidence,
    live,
    logbook,
    notices,
    statements,
)
from executions.models import Execution, Status
from executions.outcome import Outcome

log = logging.getLogger(__name__)

_STEP_COLUMNS = (
    "id",
    "execution_id",
    "number",
    "kind",
    "effect",
    "idempotency_key",
    "state",
    "request",
    "response",
    "sealed",
    "error_message",
    "usage",
    "decision",
    "attempt",
    "earlier",
    "started_at",
    "finished_at",
)


def finish(outcomes: Sequence[Outcome], *, lease: uuid.UUID) -> int:
    """Writes the outcomes of runs that are still held under `lease`; answers how many were."""
    now = clock.reckoned()
    with transaction.atomic():
        _free_places(outcomes)
        _keep_evidence(outcomes)
        ended = json.dumps([_row(outcome) for outcome in outcomes]).decode()
        rows = statements.run("finish_executions", {"ended": ended, "lease": lease, "now": now})
        stored = {row[0]: Status(row[1]) for row in rows}
        awaited = {row[0] for row in rows if row[2]}
        kept = [outcome for outcome in outcomes if outcome.execution.pk in stored]
        for outcome in kept:
            outcome.status = stored[outcome.execution.pk]  # somebody may have asked to cancel
        _write_steps(kept)
        counting.count(kept, now=now)
        _tell(kept, now)
        completing.announce_ends(
            _as_stored(outcome) for outcome in kept if outcome.execution.pk in awaited
        )
        if any(o.status == Status.QUEUED and o.run_at is None for o in kept):
            wake.workers()
    if late := len(outcomes) - len(kept):
        log.warning(
            "late ends were refused: these runs have another owner, or have ended",
            extra={"runs": late},
        )
    return len(kept)


def finish_each(outcomes: Sequence[Outcome], *, lease: uuid.UUID) -> list[uuid.UUID]:
    """After a group could not be written: each alone, so that the one that cannot be stored stays alone.

    That one ends as failed and says why; where not even that can be written, the bare row fails, with an alert and
    without all that goes with an end. Answers the runs whose rows take no end at all: they are told by their alert, and
    nobody tries them again. Raises only what passes, as while the database is away.
    """
    return [o.execution.pk for o in outcomes if not _finish_alone(o, lease=lease)]


def _finish_alone(outcome: Outcome, *, lease: uuid.UUID) -> bool:
    execution = outcome.execution
    try:
        finish([outcome], lease=lease)
    except Exception as error:
        if is_passing(error):
            raise
        log.exception("an end could not be stored", extra={"execution": str(execution.pk)})
        failed = Outcome(
            execution,
            Status.FAILED,
            error_message=f"What it came to could not be stored ({type(error).__name__}).",
            error={"type": type(error).__name__},
        )
        return _try(lambda: finish([failed], lease=lease), execution) or _fail_bare(
            failed, lease=lease
        )
    return True


def _fail_bare(outcome: Outcome, *, lease: uuid.UUID) -> bool:
    """The row alone: no figures, no steps, no news. A person is told, who else would never know."""
    execution = outcome.execution
    stored = _try(
        lambda: Execution.objects.fail_bare(
            execution.pk, lease=lease, message=outcome.error_message, now=clock.reckoned()
        ),
        execution,
    )
    _try(lambda: alerts.raise_unstorable(execution), execution)
    return stored


def _try(write: Callable[[], object], execution: Execution) -> bool:
    try:
        with transaction.atomic():
            write()
    except Exception as error:
        if is_passing(error):
            raise
        log.exception("nor could its failure", extra={"execution": str(execution.pk)})
        return False
    return True


def _row(outcome: Outcome) -> dict[str, Any]:
    return {
        "id": outcome.execution.pk,
        "status": outcome.status.value,
        "reason": outcome.reason,
        "output": json.sanitise(outcome.output),
        "error_message": json.sanitise(outcome.error_message[:5000]),
        "error": json.sanitise(outcome.error),
        "run_at": outcome.run_at,
        "resumes": outcome.resumes,
        "held_for": outcome.held_for,
        "usage": outcome.usage,
        "is_final": outcome.is_final,
        "at_failure": outcome.at_failure,
    }


def _as_stored(outcome: Outcome) -> Execution:
    execution = outcome.execution
    execution.output, execution.error_message = outcome.output, outcome.error_message[:5000]
    return execution


def _keep_evidence(outcomes: Sequence[Outcome]) -> None:
    """What a failed run was made of is written down with its end: later it may have been changed."""
    failed = [outcome for outcome in outcomes if outcome.status in counting.BAD]
    kept = evidence.gather([outcome.execution for outcome in failed])
    for outcome, found in zip(failed, kept, strict=True):
        outcome.at_failure = found


def _free_places(outcomes: Sequence[Outcome]) -> None:
    given_back = [o for o in outcomes if o.status == Status.QUEUED and o.run_at is None]
    statements.run(
        "wake_agent_gates",
        {
            "ended": list({o.execution.agent_id for o in outcomes}),
            "given_back": list({o.execution.agent_id for o in given_back}),
        },
    )


def _write_steps(kept: Sequence[Outcome]) -> None:
    steps = [step for outcome in kept for step in outcome.steps]
    if steps:
        rows = [{name: getattr(step, name) for name in _STEP_COLUMNS} for step in steps]
        statements.run("upsert_steps", {"steps": json.dumps(rows).decode()})


def _tell(kept: Sequence[Outcome], now: dt.datetime) -> None:
    by_workspace: dict[uuid.UUID, list[notices.Notice]] = defaultdict(list)
    for outcome in kept:
        execution = outcome.execution
        execution.status, execution.reason = outcome.status, outcome.reason
        execution.finished_at = now if outcome.is_final else None
        change: notices.Change = "finished" if outcome.is_final else "queued"
        by_workspace[execution.workspace_id].append(notices.execution_changed(change, execution))
        if outcome.status == Status.INTERRUPTED:
            alerts.raise_interrupted(execution)
        if outcome.status == Status.WAITING_APPROVAL:
            alerts.raise_approval(execution)
    for workspace_id, news in by_workspace.items():
        live.push_many(workspace_id, news)
    logbook.ended(kept)
