"""Row 5b of the path, its end: what a model found is written down. The event may run, is skipped, waits for a person,
or for the model.

Each is one transaction that changes the row only where it is still held under the judge's lease, so that what somebody
cancelled or skipped meanwhile stays so. Gates come first, as everywhere: the cooldown and the overlap of a trigger are
asked here, when the verdict is met. A cooldown counts in the order of events, so a met event waits until those before
it are judged.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from agents.actions import ActionFailed, HostAway
from config.lib import clock, json, wake
from executions import alerts, evidence, gate_locks, live, logbook, notices
from executions.budgets import BudgetSpent
from executions.gates import Candidate, Refusal, cooldown, overlap
from executions.models import (
    AgentGate,
    AlertKind,
    Execution,
    Judgement,
    Reason,
    Status,
    TriggerGate,
    Verdict,
)
from executions.opinions import Asked, Finding, Outcome
from executions.undecided import Work

LOOK_AGAIN = dt.timedelta(seconds=1)  # for a verdict on an earlier event
WAITS_FOR_EARLIER = (
    "Met; waits for the verdict on an earlier event, as the cooldown counts in their order."
)

Fields = dict[str, Any]


def decide(work: Work, finding: Finding, *, lease: uuid.UUID) -> bool:
    """Writes down what was found; false where the row is no longer ours."""
    with transaction.atomic():
        now = clock.now()
        fields = _ruling(work, finding, now)
        if not _store(work, fields, finding.asked, lease=lease, trace=finding.trace):
            return False
        _keep(work, finding.asked, failed=False, now=now)
        _tell(work.execution, finding)
    return True


def hold(
    work: Work, asked: list[Asked], error: ActionFailed, *, wait: float, lease: uuid.UUID
) -> bool:
    """The model cannot be asked now: the row is judged again after `wait` seconds, when its host is back, or when there
    is room in the budget. It spends no attempt.
    """
    with transaction.atomic():
        now = clock.now()
        fields: Fields = {
            "reason": Reason.BUDGET if isinstance(error, BudgetSpent) else Reason.HOST_AWAY,
            "error_message": json.sanitise(str(error)[:5000]),
            "run_at": now + dt.timedelta(seconds=wait),
        }
        if isinstance(error, HostAway | BudgetSpent):
            fields["run_at"] = error.until
        if isinstance(error, HostAway):
            fields |= {"held_for": error.host, "holds": F("holds") + 1}
        if not _store(work, fields, asked, lease=lease):
            return False
        _keep(work, asked, failed=not isinstance(error, BudgetSpent), now=now)
        work.execution.status, work.execution.reason = Status.QUEUED, fields["reason"]
        logbook.judged(work.execution, outcome="held")
        live.push(work.execution.workspace_id, notices.execution_changed("queued", work.execution))
    return True


def _store(
    work: Work,
    fields: Fields,
    asked: list[Asked],
    *,
    lease: uuid.UUID,
    trace: list[dict[str, Any]] | None = None,
) -> bool:
    execution = work.execution
    if trace is not None:
        fields = {**fields, "trace": _with(execution.trace, trace)}
    if usage := Finding(Outcome.ERROR, [], asked).usage if asked else {}:
        fields = {**fields, "usage": {**execution.usage, **usage}}
    mine = Execution.objects.judged_under(lease).filter(pk=execution.pk)
    if not mine.update(**fields, lease=None):
        transaction.set_rollback(True)
        return False
    for name in ("status", "reason", "verdict", "trace", "error_message"):
        if name in fields:
            setattr(execution, name, fields[name])
    return True


def _with(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The trace of the dispatch, with the conditions as they were judged now."""
    places = {_place(leaf) for leaf in now}
    return [*(leaf for leaf in before if _place(leaf) not in places), *now]


def _place(leaf: dict[str, Any]) -> tuple[Any, ...]:
    return leaf.get("path"), leaf.get("field"), leaf.get("operator")


def _keep(work: Work, asked: list[Asked], *, failed: bool, now: dt.datetime) -> None:
    judgement = work.judgement
    judgement.asked = [one.as_json() for one in asked]
    judgement.failed_since = (judgement.failed_since or now) if failed else None
    if failed:
        judgement.tries = min(judgement.tries + 1, 32_000)
    Judgement.objects.bulk_create(
        [judgement],
        update_conflicts=True,
        unique_fields=["execution"],
        update_fields=["asked", "failed_since", "tries"],
    )


def _ruling(work: Work, finding: Finding, now: dt.datetime) -> Fields:
    if finding.outcome is Outcome.MET:
        return _accept(work, now)
    if work.listener.cooldown_seconds:  # who waits for this verdict is let go under its gate
        gate_locks.of_triggers([work.listener.pk])
    _let_followers_go(work)
    if finding.outcome is Outcome.UNSURE:
        until = now + dt.timedelta(hours=settings.APPROVAL_HOURS)
        said = _unsure(finding.asked)
        return {
            "status": Status.WAITING_APPROVAL,
            "run_at": until,
            "reason": "",
            "error_message": said,
        }
    broken = finding.outcome is Outcome.ERROR
    reason = Reason.CONDITION_ERROR if broken else Reason.CONDITION_FALSE
    fields = _skipped(Refusal(reason, finding.reason), now)
    if broken:
        (fields["at_failure"],) = evidence.gather([work.execution])
    return fields


def _unsure(asked: list[Asked]) -> str:
    """What the model was not sure of."""
    one = next(one for one in asked if one.is_unsure)
    said = "holds" if one.match else "does not hold"
    sure = (
        "without saying how sure it is"
        if one.confidence is None
        else f"with a confidence of {one.confidence:g}"
    )
    return str(
        json.sanitise(f"The model thinks that “{one.description}” {said}, {sure}. {one.reason}")
    )


def _skipped(refusal: Refusal, now: dt.datetime) -> Fields:
    return {
        "status": Status.SKIPPED,
        "reason": refusal.reason,
        "error_message": json.sanitise(refusal.note[:5000]),
        "started_at": now,
        "finished_at": now,
        "run_at": None,
    }


def _accept(work: Work, now: dt.datetime) -> Fields:
    """The verdict is met: what an accepted event uses up is asked for now, under the locks of the gates."""
    execution, listener = work.execution, work.listener
    assert execution.agent_id is not None  # undecided.load skips the others
    agent_gate = gate_locks.of_agents([execution.agent_id])[execution.agent_id]
    gate = gate_locks.of_triggers([listener.pk])[listener.pk]
    candidate = Candidate(
        execution.event,
        listener,
        gate,
        agent_gate,
        now,
        execution.is_test,
        bool(execution.replay_no),
    )
    if (until := _earlier_until(candidate, execution, now)) is not None:
        return {"run_at": until, "reason": Reason.COOLDOWN, "error_message": WAITS_FOR_EARLIER}
    if refusal := cooldown.refuse(candidate) or overlap.refuse(candidate):
        _let_followers_go(work)
        return _skipped(refusal, now)
    if not execution.is_test:
        _use_up(gate, candidate.asks_at)
    _let_followers_go(work)
    AgentGate.objects.look_again([execution.agent_id], now=now)
    return met_fields()


def met_fields() -> Fields:
    """Of a row that may be claimed from now on, for its first start."""
    wake.workers()
    return {
        "status": Status.QUEUED,
        "verdict": Verdict.MET,
        "run_at": None,
        "reason": "",
        "error_message": "",
        "held_for": "",
        "holds": 0,
    }


def _use_up(gate: TriggerGate, at: dt.datetime) -> None:
    """The cooldown counts from here on; it never goes back."""
    gate.last_accepted_at = max(gate.last_accepted_at or at, at)
    gate.save(update_fields=["last_accepted_at"])


def accept_by_person(execution: Execution) -> None:
    """Somebody lets an event pass that the model was not sure of: its cooldown is used, not asked. Locks the gates."""
    gates = TriggerGate.objects.filter(pk=execution.listener_id).select_for_update()
    gate = None if execution.is_test else gates.first()
    if gate is not None:
        _use_up(gate, execution.event.recorded_at)


def _earlier_until(
    candidate: Candidate, execution: Execution, now: dt.datetime
) -> dt.datetime | None:
    """When to look again, where an earlier event that may use the cooldown up is not judged yet. Uses index
    execution_undecided.
    """
    listener = candidate.trigger
    if not listener.cooldown_seconds or listener.ignore_cooldown:
        return None
    if execution.is_test or execution.replay_no:
        return None
    since = execution.event.recorded_at - dt.timedelta(seconds=listener.cooldown_seconds)
    earlier = Execution.objects.filter(
        trigger=execution.trigger_id,
        status=Status.QUEUED,
        verdict=Verdict.PENDING,
        position__lt=execution.position,
        is_test=False,
        replay_no=0,
        event__recorded_at__gt=since,
    )
    moments = list(earlier.order_by("position").values_list("run_at", flat=True)[:1])
    return max(moments[0] or now, now + LOOK_AGAIN) if moments else None


def _let_followers_go(work: Work) -> None:
    """Met events that waited for this verdict are looked at again. Uses index execution_follower."""
    if work.listener.cooldown_seconds:
        waiting = Execution.objects.filter(
            trigger=work.execution.trigger_id,
            status=Status.QUEUED,
            verdict=Verdict.PENDING,
            reason=Reason.COOLDOWN,
            lease=None,
        )
        if waiting.update(run_at=None, reason="", error_message=""):
            wake.workers()


def _tell(execution: Execution, finding: Finding) -> None:
    if finding.failed:
        alerts.raise_unasked(execution, _why_unasked(finding))
    elif any(not one.from_cache for one in finding.asked):
        alerts.settle(AlertKind.MODEL, trigger_id=execution.listener_id, now=clock.now())
    if execution.status == Status.WAITING_APPROVAL:
        alerts.raise_unsure(execution)
    logbook.judged(execution, outcome=finding.outcome.value)
    change: notices.Change = "skipped" if execution.status == Status.SKIPPED else "queued"
    live.push(execution.workspace_id, notices.execution_changed(change, execution))


def _why_unasked(finding: Finding) -> str:
    return next((one.problem for one in finding.asked if one.state == "failed"), finding.reason)
