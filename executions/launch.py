"""What people do to agents, triggers and runs by hand: run now, test, dry run, cancel, switch on and off."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction

from agents.models import Agent, AgentStatus
from config.lib import clock, wake
from executions import alerts, completing, deciding, dispatcher, live, notices
from executions.gates import Candidate
from executions.models import AgentGate, AlertKind, Execution, Reason, TriggerGate
from triggers import events, schedules, sources
from triggers.models import Event, Trigger, TriggerStatus
from triggers.problems import InvalidTrigger
from triggers.sources import cron, manual

_CANCEL_TRIES = 3


class CannotStart(Exception):
    """The agent cannot be switched on as it is; the message says what to do."""


def run_now(
    agent: Agent,
    *,
    inputs: dict[str, Any],
    actor: str,
    is_test: bool = False,
    trigger: Trigger | None = None,
    event_payload: dict[str, Any] | None = None,
) -> Execution:
    """Starts a run by hand: one event that only this trigger hears (the agent's own manual one by
    default), one execution.

    It passes every gate, so the answer may be `skipped`; a test skips only trigger active, cooldown and a draft agent.
    `event_payload` stands for what would have happened (a sample by default where a trigger is tested).
    """
    listener = trigger or manual.ensure(agent)
    listener.agent = agent
    with transaction.atomic():
        event = _made_up_event(
            listener, inputs=inputs, actor=actor, payload=event_payload, is_test=is_test
        )
        execution = dispatcher.dispatch_now(event, listener, is_test=is_test)
        if execution.inputs != (merged := {**execution.inputs, **inputs}):
            execution.inputs = merged
            Execution.objects.filter(pk=execution.pk).update(inputs=execution.inputs)
    return execution


def _made_up_event(
    trigger: Trigger,
    *,
    inputs: dict[str, Any],
    actor: str,
    payload: dict[str, Any] | None,
    is_test: bool,
) -> Event:
    source = sources.find(trigger.trigger_type).within(trigger.workspace)
    if trigger.is_builtin or trigger.trigger_type == "manual":
        payload = {**(payload or {}), "inputs": inputs, "triggered_by": actor.removeprefix("user:")}
    elif payload is None:
        payload = source.sample(trigger.config)
    return events.emit(
        source.sample_type(trigger.config),
        workspace_id=trigger.workspace_id,
        payload=payload,
        topic=trigger.topic,
        actor=actor,
        verified=not is_test,
        heard=True,
    )


def dry_run(trigger: Trigger, *, payload: dict[str, Any] | None) -> dict[str, Any]:
    """What would happen to this payload now: `{"would_run", "reason", "note", "trace", "inputs"}`. Writes nothing."""
    source = sources.find(trigger.trigger_type).within(trigger.workspace)
    now = clock.now()
    name = source.sample_type(trigger.config)
    event = Event(
        workspace_id=trigger.workspace_id,
        type=name,
        topic=trigger.topic,
        payload=payload or source.sample(trigger.config),
        source="custom" if trigger.trigger_type == "custom" else "application",
        occurred_at=now,
        recorded_at=now,
    )
    gate = TriggerGate.objects.filter(pk=trigger.pk).first() or TriggerGate(pk=trigger.pk)
    agent_gate = AgentGate.objects.filter(pk=trigger.agent_id).first() or AgentGate(
        pk=trigger.agent_id
    )
    candidate = Candidate(event, trigger, gate, agent_gate, now)
    refusal = deciding.refusal_of(candidate)
    return {
        "would_run": refusal is None,
        "reason": refusal.reason.value if refusal else "",
        "note": refusal.note if refusal else "",
        "trace": candidate.trace,
        "inputs": deciding.inputs_of(candidate),
    }


def cancel(execution: Execution) -> bool:
    """Cancels a run, or asks its worker to; false where it has ended already. Holds also while every worker is down."""
    now = clock.now()
    # It may begin between the two, or go back to the queue: then the other one of them finds it.
    for _ in range(_CANCEL_TRIES):
        if _cancel_at_rest(execution, now=now):
            live.push(execution.workspace_id, notices.execution_changed("finished", execution))
            return True
        if Execution.objects.request_cancel(execution.pk):
            return True
    return False


def _cancel_at_rest(execution: Execution, *, now: dt.datetime) -> bool:
    with transaction.atomic():
        if not Execution.objects.cancel(execution.pk, now=now):
            return False
        for kind in (AlertKind.INTERRUPTED, AlertKind.APPROVAL):
            alerts.settle(kind, execution_id=execution.pk, now=now)
        execution.refresh_from_db()
        if execution.started_at:
            completing.announce_ends([execution])
    return True


def activate(agent: Agent) -> None:
    """Makes the agent live; what paused it is forgotten. Raises CannotStart for an agent without anything to do.

    Where its day was full, the day is counted from now on: a person has decided that it may go on.
    """
    if not (agent.steps or agent.is_talk):
        raise CannotStart("Give the agent at least one step, or a model, before you activate it.")
    _change_status(agent, AgentStatus.LIVE)


def pause(agent: Agent) -> None:
    """Events are still matched and written down, as skipped; what is queued is skipped too."""
    _change_status(agent, AgentStatus.PAUSED)


def archive(agent: Agent) -> None:
    _change_status(agent, AgentStatus.ARCHIVED)


def _change_status(agent: Agent, status: AgentStatus) -> None:
    with transaction.atomic():
        now = clock.now()
        gate = AgentGate.objects.filter(pk=agent.pk)
        if status == AgentStatus.LIVE:
            gate.filter(pause_reason=Reason.DAILY_LIMIT).update(day_began_at=now)
            alerts.settle(AlertKind.DAILY_LIMIT, agent_id=agent.pk, now=now)
        gate.update(pause_reason="", next_eligible_at=now)
        Agent.objects.change_status(agent.pk, to=status, now=now)
        agent.status = status
        live.push(agent.workspace_id, notices.agent_changed(agent))
        wake.workers()


def resume(trigger: Trigger) -> None:
    """Switches the trigger on again; an error and its count of failures are forgotten. A schedule goes on from now.

    Raises InvalidTrigger for a schedule that cannot be read any more.
    """
    if trigger.trigger_type == schedules.TYPE and (problems := cron.check_stored(trigger.config)):
        raise InvalidTrigger({f"config.{name}": said for name, said in problems.items()})
    was_off = not trigger.enabled
    with transaction.atomic():
        # The gate first, as those do who count failures and put the trigger into error.
        TriggerGate.objects.filter(pk=trigger.pk).update(consecutive_failures=0)
        Trigger.objects.filter(pk=trigger.pk).update(
            status=TriggerStatus.ACTIVE, last_error="", updated_at=clock.now()
        )
        alerts.settle(AlertKind.TRIGGER_ERROR, trigger_id=trigger.pk, now=clock.now())
        trigger.status, trigger.last_error = TriggerStatus.ACTIVE, ""
        schedules.follow(trigger, afresh=was_off)


def disable(trigger: Trigger) -> None:
    with transaction.atomic():
        Trigger.objects.filter(pk=trigger.pk).update(
            status=TriggerStatus.PAUSED, updated_at=clock.now()
        )
        trigger.status = TriggerStatus.PAUSED
        schedules.follow(trigger)


def hand_over(trigger: Trigger, before: Agent) -> int:
    """The trigger has got another agent: what it had started for the one before and has not ended stays with that one,
    at its manual trigger. Answers how many runs.
    """
    with transaction.atomic():
        AgentGate.objects.look_again([before.pk], now=clock.now())
        mine = Execution.objects.unfinished().filter(trigger=trigger, agent=before)
        moved = mine.update(trigger=manual.ensure(before))
        wake.workers()
    return moved
