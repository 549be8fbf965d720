"""A person decides about a step before it happens: it is approved, as it is or with other params, or rejected. Or about
an event of which a model is not sure enough that it meets its conditions (`is_unsure`): then it runs, or is skipped.

A run with such a step is `waiting_approval`; its step is `proposed`. An approved one goes on where it stopped; going
on is no start. A rejected use of a tool is told to the model as refused; a rejected fixed step cancels the run. Where
nobody decided in time (`run_at`) the run is cancelled, `expired`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from agents import tools
from agents.models import Agent
from config.lib import clock, json, wake
from executions import alerts, completing, live, logbook, notices, resolving, verdicts
from executions.models import (
    AgentGate,
    AlertKind,
    Execution,
    Reason,
    Status,
    Step,
    StepState,
    Verdict,
)

EXPIRED_AT_ONCE = 500


class CannotDecide(Exception):
    """The step cannot be decided about like this now; the message says why."""


class InvalidParams(CannotDecide):
    """The params that somebody put in are wrong: `problems` by name."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def proposed(execution: Execution) -> Step | None:
    """The step that waits for a person; one query where the run waits at all."""
    if execution.status != Status.WAITING_APPROVAL:
        return None
    return execution.steps.filter(state=StepState.PROPOSED).order_by("number").first()


def is_unsure(execution: Execution) -> bool:
    """Whether a person has to say if the conditions hold; nothing has run yet, and there is no step."""
    return execution.status == Status.WAITING_APPROVAL and execution.verdict == Verdict.PENDING


def accept(execution: Execution, *, by: str) -> Execution:
    """The event runs, although the model is not sure. Raises CannotDecide, CannotResolve."""
    with transaction.atomic():
        resolving.refuse_what_would_be_skipped(execution)
        AgentGate.objects.look_again([execution.agent_id], now=clock.now())  # before executions
        verdicts.accept_by_person(execution)
        _say_of_unsure(execution, verdicts.met_fields())
        _tell(execution, "queued", f"accepted by {by}")
    return execution


def refuse(execution: Execution, *, by: str, comment: str = "") -> Execution:
    """The event is skipped; see `accept`."""
    said = f"{by} rejected this{f': {comment.strip()}' if comment.strip() else '.'}"
    with transaction.atomic():
        _skip_unsure(execution, Reason.REJECTED, said)
    return execution


def _skip_unsure(execution: Execution, reason: Reason, said: str) -> None:
    now = clock.now()
    fields = {"status": Status.SKIPPED, "reason": reason, "error_message": json.sanitise(said)}
    times = {"started_at": now, "finished_at": now, "run_at": None}
    _say_of_unsure(execution, {**fields, **times})
    _tell(execution, "skipped", reason.value, now=now)


def _say_of_unsure(execution: Execution, fields: dict[str, Any]) -> None:
    mine = Execution.objects.filter(
        pk=execution.pk, status=Status.WAITING_APPROVAL, verdict=Verdict.PENDING
    )
    if not mine.update(**fields):
        raise CannotDecide("It does not wait for an approval any more.")


def approve(
    execution: Execution, number: int, *, by: str, params: Mapping[str, Any] | None = None
) -> Execution:
    """The row after the decision. `params`: those that shall be other than proposed, by name.

    Raises CannotDecide. Of two people who decide at the same time the second one is refused.
    """
    with transaction.atomic():
        resolving.refuse_what_would_be_skipped(execution)
        AgentGate.objects.look_again([execution.agent_id], now=clock.now())  # before executions
        step = _step(execution, number)
        edited = _edited(execution.agent, step, params or {})
        note = f"Approved by {by}{', with changes' if edited else ''}."
        step.decision = {"approved": True, "by": by, "params": edited}
        step.error_message = note
        step.save(update_fields=["decision", "error_message"])
        _go_on(execution)
    return execution


def reject(execution: Execution, number: int, *, by: str, comment: str = "") -> Execution:
    """The row after the decision; see `approve`."""
    with transaction.atomic():
        AgentGate.objects.look_again([execution.agent_id], now=clock.now())
        step = _step(execution, number)
        said = f"{by} rejected this{f': {comment.strip()}' if comment.strip() else '.'}"
        step.state, step.finished_at = StepState.REJECTED, clock.now()
        step.error_message = json.sanitise(said[:2000])
        step.decision = {"approved": False, "by": by}
        step.save(update_fields=["state", "finished_at", "error_message", "decision"])
        if execution.agent is not None and execution.agent.is_talk:
            resolving.refuse_what_would_be_skipped(execution)
            _go_on(execution)
        else:
            _cancel(execution, Reason.REJECTED, said)
    return execution


def expire() -> int:
    """Cancels runs that nobody decided about in time; asked by every tick. Uses index execution_unapproved."""
    now = clock.now()
    due = Execution.objects.filter(status=Status.WAITING_APPROVAL, run_at__lte=now)
    ended = 0
    for execution in due.order_by("run_at")[:EXPIRED_AT_ONCE]:
        with transaction.atomic():
            said = "Nobody decided about it in time."
            unsure = is_unsure(execution)
            waiting = execution.steps.filter(state=StepState.PROPOSED)
            waiting.update(state=StepState.REJECTED, finished_at=now, error_message=said)
            try:
                (_skip_unsure if unsure else _cancel)(execution, Reason.EXPIRED, said)
            except CannotDecide:  # somebody decided meanwhile
                transaction.set_rollback(True)
                continue
        ended += 1
    return ended


def _step(execution: Execution, number: int) -> Step:
    step = (
        Step.objects.select_for_update()
        .filter(execution_id=execution.pk, number=number, state=StepState.PROPOSED)
        .first()
    )
    if step is None or execution.status != Status.WAITING_APPROVAL:
        raise CannotDecide(f"Step {number} does not wait for an approval.")
    if step.decision is not None:
        raise CannotDecide(f"Step {number} has been decided about already.")
    return step


def _edited(agent: Agent | None, step: Step, params: Mapping[str, Any]) -> dict[str, Any]:
    """What differs from what was proposed. A secret that is shown as a mask stays what it is."""
    edited = {
        name: json.sanitise(value)
        for name, value in params.items()
        if name not in step.request or step.request[name] != value
    }
    problems = tools.faults_of_use(agent, step.kind, {**step.request, **edited})
    if problems is None:
        raise CannotDecide(f"There is no action named {step.kind!r} any more.")
    if edited and problems:
        raise InvalidParams(problems)
    return edited


def _go_on(execution: Execution) -> None:
    if not Execution.objects.go_on_approved(execution.pk):
        raise CannotDecide("It does not wait for an approval any more.")
    _tell(execution, "queued", "approved or refused")
    if execution.losses:
        wake.alone()
    else:
        wake.workers()


def _cancel(execution: Execution, reason: Reason, said: str) -> None:
    now = clock.now()
    mine = Execution.objects.filter(pk=execution.pk, status=Status.WAITING_APPROVAL)
    cancelled = mine.update(
        status=Status.CANCELLED, reason=reason, error_message=said, finished_at=now, run_at=None
    )
    if not cancelled:
        raise CannotDecide("It does not wait for an approval any more.")
    _tell(execution, "finished", reason.value, now=now)
    completing.announce_ends([execution])


def _tell(
    execution: Execution, change: notices.Change, decision: str, *, now: dt.datetime | None = None
) -> None:
    alerts.settle(AlertKind.APPROVAL, execution_id=execution.pk, now=now or clock.now())
    execution.refresh_from_db()
    logbook.decided_by_person(execution, resolution=decision)
    live.push(execution.workspace_id, notices.execution_changed(change, execution))
