"""Ending runs, many at once: the ledger's rows, the steps that were kept for the end, and the
figures of their triggers.

One transaction per group. The locks come in the order of the house: agent gates, trigger gates, executions.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from config.lib import clock, json, wake
from executions import alerts, live, notices, statements
from executions.models import TERMINAL, AgentGate, AlertKind, Execution, Status, Step, TriggerGate
from executions.queue import ON_FINISH
from triggers.models import Trigger, TriggerStatus

_STEP_FIELDS = [
    "state",
    "request",
    "response",
    "error_message",
    "attempt",
    "started_at",
    "finished_at",
]
GOOD, BAD = {Status.COMPLETED}, {Status.FAILED, Status.TIMED_OUT}


@dataclass(slots=True)
class Outcome:
    """How one pass of a run ended. `status` completed, failed, timed_out, cancelled, retrying, queued or interrupted.

    `run_at` says when a retrying or waiting run goes on; `resumes` that this will not count as a start.
    """

    execution: Execution
    status: Status
    output: Any = None
    error_message: str = ""
    error: dict[str, Any] | None = None
    run_at: dt.datetime | None = None
    resumes: bool = False
    reason: str = ""
    usage: dict[str, Any] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    @property
    def is_final(self) -> bool:
        return self.status in TERMINAL


def finish(outcomes: Sequence[Outcome], *, lease: uuid.UUID) -> int:
    """Writes the outcomes of runs that are still held under `lease`; answers how many were."""
    with transaction.atomic():
        now = clock.now()
        _free_places(outcomes, now)
        trigger_ids = sorted({o.execution.trigger_id for o in outcomes if o.execution.trigger_id})
        list(
            TriggerGate.objects.filter(pk__in=trigger_ids)
            .order_by("pk")
            .select_for_update()
            .values_list("pk")
        )
        rows = statements.run(
            "finish_executions",
            {"ended": json.dumps([_row(o) for o in outcomes]).decode(), "lease": lease, "now": now},
        )
        ours = {row[0] for row in rows}
        kept = [o for o in outcomes if o.execution.pk in ours]
        _write_steps(kept)
        _count(kept, now)
        _tell(kept, now)
        if any(o.status == Status.QUEUED and o.run_at is None for o in kept):
            wake.workers()
    return len(kept)


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
        "usage": outcome.usage,
        "is_final": outcome.is_final,
    }


def _free_places(outcomes: Sequence[Outcome], now: dt.datetime) -> None:
    """Agents that wait for one of their runs to finish, or get a row back, may be looked at again."""
    agent_ids = {o.execution.agent_id for o in outcomes}
    given_back = {
        o.execution.agent_id for o in outcomes if o.status == Status.QUEUED and o.run_at is None
    }
    gates = AgentGate.objects.filter(pk__in=agent_ids).order_by("pk").select_for_update()
    waiting = list(gates.filter(next_eligible_at=ON_FINISH).values_list("pk", flat=True))
    if waiting or given_back:
        AgentGate.objects.filter(pk__in={*waiting, *given_back}).update(next_eligible_at=now)


def _write_steps(kept: Sequence[Outcome]) -> None:
    steps = [step for outcome in kept for step in outcome.steps]
    if steps:
        Step.objects.bulk_create(
            steps,
            update_conflicts=True,
            unique_fields=["execution", "number"],
            update_fields=_STEP_FIELDS,
        )


def _count(kept: Sequence[Outcome], now: dt.datetime) -> None:
    by_trigger: dict[uuid.UUID, list[Outcome]] = defaultdict(list)
    for outcome in kept:
        if outcome.is_final and outcome.execution.trigger_id:
            by_trigger[outcome.execution.trigger_id].append(outcome)
    if not by_trigger:
        return
    figures = [_figures(outcomes) for outcomes in by_trigger.values()]
    counted = statements.run(
        "count_on_trigger_gates",
        {
            "ids": list(by_trigger),
            "totals": [f[0] for f in figures],
            "good": [f[1] for f in figures],
            "bad": [f[2] for f in figures],
            "streaks": [f[3] for f in figures],
            "good_rows": [f[4] for f in figures],
            "now": now,
        },
    )
    failures = {
        trigger_id: count
        for trigger_id, count in counted
        if count and any(o.status in BAD for o in by_trigger[trigger_id])
    }
    if failures:
        errors = {pk: o.error_message for pk in failures for o in by_trigger[pk] if o.status in BAD}
        _stop_failing(failures, errors)


def _stop_failing(failures: dict[uuid.UUID, int], errors: dict[uuid.UUID, str]) -> None:
    """Triggers whose runs fail again and again go into error, once each, with the last message and one alert.

    Their events are still written down, as skipped; `launch.resume` recovers them.
    """
    for trigger in Trigger.objects.filter(
        pk__in=failures, status=TriggerStatus.ACTIVE, is_builtin=False
    ):
        if not trigger.failure_threshold or failures[trigger.pk] < trigger.failure_threshold:
            continue
        message = f"{failures[trigger.pk]} runs failed in a row. The last one: {errors.get(trigger.pk, '')}"[
            :2000
        ]
        if not Trigger.objects.fail(trigger.pk, message=message):
            continue
        alerts.raise_alert(
            trigger.workspace_id,
            AlertKind.TRIGGER_ERROR,
            f"{trigger.name} was stopped. {message}",
            trigger=trigger,
            agent=trigger.agent,
            dedupe_key=f"trigger_error:{trigger.pk}:{trigger.version}:{clock.reckoned():%Y%m%d%H%M%S}",
        )
        news = notices.trigger_error(
            trigger_id=trigger.pk, agent_id=trigger.agent_id, message=message
        )
        live.push(trigger.workspace_id, news)


def _figures(outcomes: Sequence[Outcome]) -> tuple[int, int, int, int, bool]:
    """(total, good, bad, failures since the last good one, whether there was a good one)."""
    good = sum(o.status in GOOD for o in outcomes)
    bad = sum(o.status in BAD for o in outcomes)
    streak, seen_good = 0, False
    for outcome in outcomes:
        if outcome.execution.is_test:
            continue
        if outcome.status in GOOD:
            streak, seen_good = 0, True
        elif outcome.status in BAD:
            streak += 1
    return len(outcomes), good, bad, streak, seen_good


def _tell(kept: Sequence[Outcome], now: dt.datetime) -> None:
    by_workspace: dict[uuid.UUID, list[notices.Notice]] = defaultdict(list)
    for outcome in kept:
        execution = outcome.execution
        execution.status, execution.reason = outcome.status, outcome.reason
        execution.finished_at = now if outcome.is_final else None
        change: notices.Change = "finished" if outcome.is_final else "queued"
        by_workspace[execution.workspace_id].append(notices.execution_changed(change, execution))
    for workspace_id, news in by_workspace.items():
        live.push_many(workspace_id, news)
