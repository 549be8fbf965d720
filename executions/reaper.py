"""Runs whose worker died: found by a heartbeat that stands still, and handed on.

What a reaper saw lives in its process: a lease is lost when this process's own monotonic clock saw
its heartbeats stand still for LEASE_SECONDS, so that jumps of any wall clock reap nobody.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Max, Sum

from config.lib import clock, wake
from config.lib.passing import is_passing
from executions import alerts, completing, counting, evidence, gate_locks, live, logbook, notices
from executions.models import (
    AgentGate,
    AlertKind,
    Execution,
    Reason,
    RememberedAnswer,
    Status,
    Step,
)
from executions.models.querysets import ExecutionQuerySet
from executions.outcome import Outcome

log = logging.getLogger(__name__)

MAX_LOSSES = 3  # the first two may be a neighbour's fault (executions.suspects); then it ran alone


_Pulse = tuple[int, int, int, dt.datetime | None]


@dataclass(slots=True)
class _Sighting:
    """Of one lease: its pulse, since when it is this, and since when that is strange.

    The pulse: beats, how many rows, the newest of them and the moment of the last claim. Short runs that follow each
    other never beat, and each look may find one of them.
    """

    pulse: _Pulse
    since: float
    doubted_at: float | None = None


_Seen = dict[uuid.UUID, _Sighting]
_seen: _Seen = {}
_seen_judges: _Seen = {}


def reap(*, monotonic: Callable[[], float] = time.monotonic) -> int:
    """Hands on the runs of leases that stood still; answers how many runs."""
    running = Execution.objects.filter(status=Status.RUNNING)  # index execution_leased
    leases = _standing_still(running, monotonic(), _seen)
    return sum(_take_away_each(lease) for lease in leases)


def reap_judges(*, monotonic: Callable[[], float] = time.monotonic) -> int:
    """Rows whose judge died are judged again: that is neither an attempt nor a loss. Answers how many rows."""
    judged = Execution.objects.undecided().exclude(lease=None)  # index execution_judged
    freed = 0
    for lease in _standing_still(judged, monotonic(), _seen_judges):
        RememberedAnswer.objects.drop_of(lease)
        rows = Execution.objects.judged_under(lease).update(lease=None)
        _seen_judges.pop(lease, None)
        log.warning("a judge is gone", extra={"lease": str(lease), "rows": rows})
        wake.workers()
        freed += rows
    return freed


def _take_away_each(lease: uuid.UUID) -> int:
    """All of a lease together; where one of them cannot be written, each by itself, so that it stays alone."""
    try:
        return _take_away(lease)
    except Exception as error:
        if is_passing(error):
            raise
        log.exception("runs could not be handed on together", extra={"lease": str(lease)})
    running = Execution.objects.running_under(lease).order_by("pk")
    return sum(_take_one_away(lease, pk) for pk in running.values_list("pk", flat=True))


def _take_one_away(lease: uuid.UUID, pk: uuid.UUID) -> int:
    try:
        return _take_away(lease, pk=pk)
    except Exception as error:
        if is_passing(error):
            raise
        log.exception("a run could not be handed on", extra={"execution": str(pk)})
        return 0


def _standing_still(held: ExecutionQuerySet, now: float, seen: _Seen) -> list[uuid.UUID]:
    """One query over the rows that are held; forgets leases that are gone.

    A lease that looks lost has a third of LEASE_SECONDS, two beats, to be seen beating: while the
    database was away, nobody could beat and nobody could look.
    """
    rows = (
        held.exclude(lease=None)
        .order_by()
        .values_list("lease")
        .annotate(Sum("heartbeat"), Count("pk"), Max("position"), Max("deadline_at"))
    )
    present: dict[uuid.UUID, _Pulse] = {lease: tuple(pulse) for lease, *pulse in rows}
    for lease in set(seen) - set(present):
        del seen[lease]
    lost = []
    for lease, pulse in present.items():
        known = seen.get(lease)
        if known is None or known.pulse != pulse:
            seen[lease] = _Sighting(pulse, now)
        elif known.doubted_at is None:
            if now - known.since >= settings.LEASE_SECONDS * 2 / 3:
                known.doubted_at = now
        elif now - known.doubted_at >= settings.LEASE_SECONDS / 3:
            lost.append(lease)
    return lost


def _take_away(lease: uuid.UUID, *, pk: uuid.UUID | None = None) -> int:
    """All runs of a lease that stood still, or only this one."""
    with transaction.atomic():
        now = clock.now()
        running = Execution.objects.running_under(lease)
        if pk is not None:
            running = running.filter(pk=pk)
        gate_locks.of_agents(running.exclude(agent=None).values_list("agent_id", flat=True))
        lost = list(running.order_by("pk").select_for_update())
        doubtful = set(
            Step.objects.filter(execution__in=lost, state="started", effect="outside").values_list(
                "execution_id", flat=True
            )
        )
        Step.objects.doubt(list(doubtful))
        for execution in lost:
            execution.losses += 1
            if execution.pk in doubtful:
                _interrupt(execution)
            elif execution.cancel_requested:
                execution.status, execution.finished_at = Status.CANCELLED, now
            elif execution.losses >= MAX_LOSSES:
                _give_up(execution, now=now)
            else:
                execution.status, execution.resumes, execution.run_at = Status.QUEUED, True, None
            execution.lease = None
        fields = [
            "status",
            "resumes",
            "run_at",
            "lease",
            "losses",
            "reason",
            "error_message",
            "finished_at",
            "at_failure",
        ]
        ended = [execution for execution in lost if execution.is_finished]
        failed = [execution for execution in ended if execution.status == Status.FAILED]
        for execution, found in zip(failed, evidence.gather(failed), strict=True):
            execution.at_failure = found
        Execution.objects.bulk_update(lost, fields)
        counting.count([_outcome(execution) for execution in ended], now=now)
        completing.announce_ends(ended)
        _tell(lost)
        wake.alone()
    AgentGate.objects.look_again({e.agent_id for e in lost if e.agent_id}, now=now)
    _seen.pop(lease, None)
    log.warning(
        "a worker is gone, its runs were handed on", extra={"lease": str(lease), "runs": len(lost)}
    )
    return len(lost)


def _interrupt(execution: Execution) -> None:
    execution.status = Status.INTERRUPTED
    execution.error_message = (
        "Its worker died in the middle of an action outside; nobody can know whether it happened."
    )
    alerts.raise_interrupted(execution)


def _give_up(execution: Execution, *, now: dt.datetime) -> None:
    execution.status, execution.reason = Status.FAILED, Reason.POISON
    execution.error_message = "Its worker died each time it ran; it will not be tried again."
    execution.finished_at = now
    alerts.raise_alert(
        execution.workspace_id,
        AlertKind.POISON,
        f"A run of {execution.agent_name} kills its worker and was given up.",
        agent=execution.agent,
        execution_id=execution.pk,
        dedupe_key=f"poison:{execution.pk}",
    )


def _outcome(execution: Execution) -> Outcome:
    """As the figures of its trigger count it: a run that was given up is a failure like any other."""
    status = Status(execution.status)
    return Outcome(execution, status, error_message=execution.error_message)


def _tell(lost: Sequence[Execution]) -> None:
    logbook.lost(lost)
    for execution in lost:
        change: notices.Change = "finished" if execution.is_finished else "queued"
        live.push(execution.workspace_id, notices.execution_changed(change, execution))
