"""A person decides about an interrupted run: its step in doubt is done again, has happened, or the run ends.

The step in doubt follows: unknown -> proposed (it will be done again), unknown -> done, or it stays unknown, which is
the truth of a run that is cancelled. Going on is no start: it spends no attempt and no place in any window or day.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import models, transaction

from config.lib import clock, json, wake
from executions import alerts, completing, live, logbook, notices
from executions.gates import agent_status
from executions.models import AgentGate, AlertKind, Execution, Status, Step, StepState
from triggers.models import TriggerStatus


class Resolution(models.TextChoices):
    RETRY = "retry", "Do it again"
    MARK_DONE = "mark_done", "It happened: go on after it"
    CANCEL = "cancel", "Cancel the run"


class CannotResolve(Exception):
    """The run cannot be resolved like this now; the message says why and what to do."""


def resolve(
    execution: Execution, resolution: Resolution, *, by: str, output: Any = None
) -> Execution:
    """The row after the decision. `by`: who decided, in words. `output`: what later steps read of a step marked done.

    Raises CannotResolve. Of two people who decide at the same time the second one is refused.
    """
    with transaction.atomic():
        now = clock.now()
        if resolution != Resolution.CANCEL:
            refuse_what_would_be_skipped(execution)
            AgentGate.objects.look_again([execution.agent_id], now=now)  # gates before executions
        if not _move(execution, resolution, now=now):
            raise CannotResolve("It does not wait for a decision any more.")
        _decide_steps(execution, resolution, by=by, output=output, now=now)
        alerts.settle(AlertKind.INTERRUPTED, execution_id=execution.pk, now=now)
        execution.refresh_from_db()
        if resolution == Resolution.CANCEL:
            completing.announce_ends([execution])
        change: notices.Change = "finished" if resolution == Resolution.CANCEL else "queued"
        logbook.decided_by_person(execution, resolution=resolution.value)
        live.push(execution.workspace_id, notices.execution_changed(change, execution))
        if execution.losses:
            wake.alone()
        else:
            wake.workers()
    return execution


def refuse_what_would_be_skipped(execution: Execution) -> None:
    """Else the decision would be lost: the run would be skipped before it goes on."""
    agent, trigger = execution.agent, execution.trigger
    if agent is None or trigger is None:
        gone = "agent" if agent is None else "trigger"
        raise CannotResolve(f"Its {gone} has been deleted, so it cannot go on. You can cancel it.")
    if agent_status.reason_not_to_run(agent.status, gate=None, is_test=execution.is_test):
        raise CannotResolve(
            f"{agent.name} is {agent.status}. Activate it first, or cancel the run."
        )
    if trigger.status != TriggerStatus.ACTIVE and not execution.is_test:
        raise CannotResolve(f"{trigger.name} is switched off. Enable it first, or cancel the run.")


def _move(execution: Execution, resolution: Resolution, *, now: dt.datetime) -> bool:
    waiting = Execution.objects.filter(status=Status.INTERRUPTED)
    if resolution == Resolution.CANCEL:
        return waiting.cancel(execution.pk, now=now)
    return waiting.go_on(execution.pk)


def _decide_steps(
    execution: Execution, resolution: Resolution, *, by: str, output: Any, now: dt.datetime
) -> None:
    if resolution == Resolution.RETRY:
        note = f"It was in doubt; {by} decided to do it again."
        Step.objects.decide(execution.pk, state=StepState.PROPOSED, error_message=note)
    elif resolution == Resolution.MARK_DONE:
        Step.objects.decide(
            execution.pk,
            state=StepState.DONE,
            error_message=f"It was in doubt; {by} said that it happened.",
            response=json.sanitise(output),
            finished_at=now,
        )
