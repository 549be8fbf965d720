"""One pass of one run, from begun to an Outcome: deadlines, cancelling, and which failure means what."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import random
import traceback
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError

from agents import runner
from agents.actions import ActionFailed, HostAway, InDoubt, NeedsApproval, Rejected, Wait
from config.lib import clock, logs
from config.lib.secrets import redact, redact_text
from executions import filling, live, notices
from executions.budgets import BudgetSpent
from executions.loading import Work
from executions.models import Reason, Status
from executions.outcome import Outcome
from executions.queue import DEFAULT_TIMEOUT_SECONDS
from executions.step_rows import LeaseLost
from triggers import events

log = logging.getLogger(__name__)

FIRST_WAIT_SECONDS = 1.0
MAX_WAIT_SECONDS = 60.0
HELD_HOURS = 24  # the longest that a run waits for a host outside


async def perform(
    work: Work, *, was_cancelled: Callable[[], bool], is_stopping: Callable[[], bool]
) -> Outcome | None:
    """Runs the work once. None where the run is no longer ours to end.

    Both are asked when the task is cancelled: did somebody cancel the run, or does the process stop?
    """
    logs.correlation_id.set(work.execution.correlation_id)
    execution = work.execution
    live.push(execution.workspace_id, notices.execution_changed("started", execution))
    outcome: Outcome | None
    try:
        outcome = await _pass(work)
    except asyncio.CancelledError:
        outcome = _cancelled(work, asked=was_cancelled(), stopping=is_stopping())
    except LeaseLost:
        log.warning(
            "lease lost, the run is left to its new owner", extra={"execution": str(execution.pk)}
        )
        return None
    if outcome is not None:
        _keep_secrets(outcome, work.journal.known)
        outcome.steps = work.journal.unsaved
        outcome.usage = work.journal.usage()
    return outcome


def _keep_secrets(outcome: Outcome, known: tuple[str, ...]) -> None:
    """What people will read of a run has none of its agent's secrets, and nothing that is named like one."""
    outcome.output = redact(outcome.output, known=known)
    outcome.error_message = redact_text(outcome.error_message, known=known)
    outcome.error = redact(outcome.error, known=known)


async def _pass(work: Work) -> Outcome:
    execution = work.execution
    deadline = asyncio.timeout_at(_deadline(execution.deadline_at))
    try:
        async with deadline:
            with events.caused_by(work.cause):
                plan = await filling.fill(work)
                output = await runner.run(plan, journal=work.journal)
    except TimeoutError as error:
        return _timed_out(work) if deadline.expired() else _broke(work, error)
    except (Wait, NeedsApproval) as pause:
        return _paused(work, pause)
    except ActionFailed as error:
        return _stopped(work, error)
    except (OperationalError, InterfaceError) as error:
        away = ActionFailed(f"The database was away: {error}", retryable=True)
        return _failed(work, away, is_excused=True)
    except (LeaseLost, asyncio.CancelledError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever an action raises, its run has an end
        return _broke(work, error)
    return Outcome(execution, Status.COMPLETED, output=output)


def _timed_out(work: Work) -> Outcome:
    seconds = work.timeout_seconds or DEFAULT_TIMEOUT_SECONDS
    message = f"The run took longer than its {seconds} seconds and was stopped."
    work.journal.doubt()
    return Outcome(
        work.execution, Status.TIMED_OUT, error_message=message, error={"type": "timeout"}
    )


def _broke(work: Work, error: Exception) -> Outcome:
    """A bug of an action, or of ours."""
    log.error("a run broke", extra={"execution": str(work.execution.pk)}, exc_info=error)
    work.journal.break_off(_words(error))
    return Outcome(work.execution, Status.FAILED, error_message=_words(error), error=_error(error))


def _deadline(deadline_at: dt.datetime | None) -> float | None:
    """The deadline on the loop's clock."""
    if deadline_at is None:
        return None
    return asyncio.get_running_loop().time() + (deadline_at - clock.reckoned()).total_seconds()


def _stopped(work: Work, error: ActionFailed) -> Outcome:
    if isinstance(error, HostAway):
        return _held(work, error)
    if isinstance(error, InDoubt):
        return _in_doubt(work, error)
    if isinstance(error, BudgetSpent):
        return _waiting_for_budget(work, error)
    if isinstance(error, Rejected):
        return Outcome(
            work.execution, Status.CANCELLED, reason=Reason.REJECTED, error_message=str(error)
        )
    return _failed(work, error, is_excused=bool(error.host))


def _held(work: Work, error: HostAway) -> Outcome:
    """The run gives its place back until the host answers again; for so long at most, then it fails."""
    execution = work.execution
    since = execution.started_at or execution.created_at
    if clock.reckoned() - since > dt.timedelta(hours=HELD_HOURS):
        gave_up = ActionFailed(f"Waited {HELD_HOURS} hours. {error}", host=error.host)
        return _failed(work, gave_up, is_excused=True)
    return Outcome(
        execution,
        Status.QUEUED,
        run_at=error.until,
        resumes=True,
        held_for=error.host,
        reason=Reason.HOST_AWAY,
        error_message=str(error),
    )


def _paused(work: Work, pause: Wait | NeedsApproval) -> Outcome:
    """The run waits for a moment, or for a person, and for that not for ever."""
    if isinstance(pause, Wait):
        return Outcome(work.execution, Status.QUEUED, run_at=pause.until, resumes=True)
    until = clock.reckoned() + dt.timedelta(hours=settings.APPROVAL_HOURS)
    return Outcome(work.execution, Status.WAITING_APPROVAL, run_at=until, resumes=True)


def _waiting_for_budget(work: Work, error: BudgetSpent) -> Outcome:
    """The run gives its place back and spends no attempt; it asks again later, as the budget may have been raised."""
    return Outcome(
        work.execution,
        Status.QUEUED,
        run_at=error.until,
        resumes=True,
        reason=Reason.BUDGET,
        error_message=str(error),
    )


def _in_doubt(work: Work, error: InDoubt) -> Outcome:
    return Outcome(
        work.execution, Status.INTERRUPTED, error_message=str(error), error=_error(error)
    )


def _failed(work: Work, error: ActionFailed, *, is_excused: bool) -> Outcome:
    execution = work.execution
    if not error.retryable or execution.attempt >= work.max_attempts:
        return Outcome(
            execution,
            Status.FAILED,
            error_message=str(error),
            error=_error(error),
            is_excused=is_excused,
        )
    wait = retry_wait(execution.attempt, retry_after=error.retry_after)
    return Outcome(
        execution,
        Status.RETRYING,
        run_at=clock.reckoned() + dt.timedelta(seconds=wait),
        error_message=str(error),
        error=_error(error),
    )


def retry_wait(attempt: int, *, retry_after: float | None = None) -> float:
    """Seconds until the next attempt: full jitter, doubling from 1 s to 1 min (AWS "Exponential
    Backoff And Jitter"); never before the peer's Retry-After has passed, which is believed up to
    one day.
    """
    longest = min(MAX_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**attempt)
    jitter = random.uniform(0, longest)  # noqa: S311 - spreads load, keeps no secret
    return min(retry_after or 0.0, 86_400.0) + jitter


def _cancelled(work: Work, *, asked: bool, stopping: bool) -> Outcome | None:
    execution = work.execution
    if work.journal.doubt():
        return Outcome(
            execution,
            Status.INTERRUPTED,
            error_message="Stopped in the middle of an action outside.",
        )
    if asked:
        return Outcome(execution, Status.CANCELLED)
    return Outcome(execution, Status.QUEUED, resumes=True) if stopping else None


def _error(error: BaseException) -> dict[str, Any]:
    details: dict[str, Any] = {"type": type(error).__name__}
    if not isinstance(error, ActionFailed):
        details["stack"] = redact_text("".join(traceback.format_exception(error)))[-20_000:]
    return details


def _words(error: BaseException) -> str:
    return f"Unexpected {type(error).__name__}: {redact_text(str(error))}"
