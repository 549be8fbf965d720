"""What the log tells of the ledger: one line per row and change of state, batch by batch, after the commit.

Normal ways are `info`; what a limit stopped, what is tried again and what failed as it may are `warning`; what nobody
expected is `error`.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from config.lib import clock, logs, measures
from executions.models import Execution, Reason, Status
from executions.models.querysets import STOPPED_BY_LIMITS
from executions.outcome import Outcome
from triggers.models import Event

LOGGER = "executions"
_NAMED = 20  # ids in one log line

_BROKEN = {Reason.CONDITION_ERROR, Reason.TRIGGER_ERROR}
_WARN_OF = {Status.RETRYING, Status.FAILED, Status.TIMED_OUT, Status.INTERRUPTED}


def decided(executions: Iterable[Execution]) -> None:
    """Events were answered for: queued, or skipped with the reason."""
    made = list(executions)
    for execution in made:
        measures.DECIDED.add(execution.status, execution.reason)
    logs.tell(LOGGER, [_decision(execution) for execution in made])


def dispatched(events: Iterable[Event], *, now: dt.datetime, seconds: float) -> None:
    """A batch of the dispatcher took so many seconds."""
    measures.DISPATCH.observe(seconds)
    for event in events:
        measures.EVENT_WAIT.observe((now - event.recorded_at).total_seconds())


def started(runs: Mapping[uuid.UUID, str], *, lease: uuid.UUID, worker: str) -> None:
    """Runs were claimed; `runs`: their correlation ids, by their own."""
    logs.tell(
        LOGGER,
        [
            (
                logging.INFO,
                "run started",
                {"correlation_id": about, "execution": pk, "lease": lease, "worker": worker},
            )
            for pk, about in runs.items()
        ],
    )


def ended(outcomes: Iterable[Outcome]) -> None:
    """A pass of each run is over: it ended, or goes on later."""
    over = list(outcomes)
    for outcome in over:
        measures.PASSES.add(outcome.status.value)
        started_at = outcome.execution.started_at
        if outcome.is_final and started_at:
            measures.RUN.observe((clock.reckoned() - started_at).total_seconds())
    logs.tell(LOGGER, [_end(outcome) for outcome in over])


def lost(executions: Iterable[Execution]) -> None:
    """A worker is gone: what became of its runs."""
    lines = [
        (logging.WARNING, f"run {execution.status}, its worker is gone", _who(execution))
        for execution in executions
    ]
    measures.LOST.add(amount=len(lines))
    logs.tell(LOGGER, lines)


def skipped(executions: Sequence[Execution], *, reason: str) -> None:
    """Rows that had waited will not run; one line for all of them."""
    if executions:
        measures.SKIPPED.add(reason, amount=len(executions))
        ids = [str(execution.pk) for execution in executions[:_NAMED]]
        fields = {"runs": len(executions), "executions": ids, "reason": reason}
        logs.tell(LOGGER, [(_level_of(reason), "waiting runs skipped", fields)])


def judged(execution: Execution, *, outcome: str) -> None:
    """A model has judged the conditions of an event, or could not."""
    measures.JUDGED.add(outcome)
    if execution.status == Status.SKIPPED:
        measures.SKIPPED.add(execution.reason)
    fields = _who(execution) | {"outcome": outcome, "reason": execution.reason}
    logs.tell(LOGGER, [(_level_of(execution.reason), f"run {execution.status}, judged", fields)])


def decided_by_person(execution: Execution, *, resolution: str) -> None:
    """An interrupted run was resolved."""
    fields = _who(execution) | {"decision": resolution}
    logs.tell(LOGGER, [(logging.INFO, f"run {execution.status}, a person decided", fields)])


def _decision(execution: Execution) -> logs.Line:
    fields = _who(execution) | {"event": execution.event_id}
    if execution.status != Status.SKIPPED:
        return logging.INFO, f"run {execution.status}", fields
    return _level_of(execution.reason), "run skipped", fields | {"reason": execution.reason}


def _level_of(reason: str) -> int:
    return logging.WARNING if reason in STOPPED_BY_LIMITS or reason in _BROKEN else logging.INFO


def _end(outcome: Outcome) -> logs.Line:
    fields = _who(outcome.execution) | {"attempt": outcome.execution.attempt}
    if outcome.run_at:
        fields["run_at"] = outcome.run_at
    if outcome.held_for:
        fields["held_for"] = outcome.held_for
    if outcome.error_message:
        fields["error"] = logs.clean(outcome.error_message)
    level = logging.WARNING if outcome.status in _WARN_OF else logging.INFO
    if outcome.error and "stack" in outcome.error:
        level = logging.ERROR
    return level, f"run {outcome.status.value}", fields


def _who(execution: Execution) -> dict[str, Any]:
    return {
        "correlation_id": execution.correlation_id,
        "execution": execution.pk,
        "agent": execution.agent_name,
        "trigger": execution.trigger_name,
    }
