"""What people do to agents, triggers and runs by hand: run now, test, dry run, cancel, switch on and off."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction

from agents.models import Agent, AgentStatus
from config.lib import clock, wake
from executions import alerts, completing, deciding, dispatcher, live, notices, rehearsing
from executions.gates import Candidate
from executions.models import AgentGate, AlertKind, Execution, Reason, TriggerGate
from executions.opinions import Outcome
from triggers import activation, events, extracts, schedules, sources
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
        _hand_on(execution, inputs)
    return execution


def _hand_on(execution: Execution, inputs: dict[str, Any]) -> None:
    """What a person gives wins over the mapping, and no model is asked for it."""
    merged = {**execution.inputs, **inputs}
    wanted = {n: one for n, one in (execution.extracts or {}).items() if n not in inputs} or None
    if (execution.inputs, execution.extracts) != (merged, wanted):
        execution.inputs, execution.extracts = merged, wanted
        Execution.objects.filter(pk=execution.pk).update(inputs=merged, extracts=wanted)


def _made_up_event(
    trigger: Trigger,
    *,
    inputs: dict[str, Any],
    actor: str,
    payload: dict[str, Any] | None,
    is_test: bool,
) -> Event:
    source = sources.of(trigger).within(trigger.workspace)
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


PENDING = "pending"
ASK_THE_MODEL = "The rules leave it to the model. Ask for `ask_model` to hear what it says."


_OPEN_NOTES = {
    PENDING: ASK_THE_MODEL,
    rehearsing.UNSURE: "The model is not sure enough: a person would decide.",
}


def dry_run(
    trigger: Trigger, *, payload: dict[str, Any] | None, ask_model: bool = False
) -> dict[str, Any]:
    """What would happen to this payload now: `{"would_run", "reason", "note", "trace", "inputs"}`. Writes nothing.

    `would_run` is None where it is for a model to say (`reason` is `pending`), or, when that was asked, for a person
    (`unsure`). `ask_model`: the model judges the conditions, which counts in the budgets; call it outside any
    transaction then.
    """
    source = sources.of(trigger).within(trigger.workspace)
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
    refusal, open_reason = deciding.refusal_of(candidate), ""
    if refusal is None and candidate.needs_model:
        open_reason = PENDING
        if ask_model:
            finding, refusal = rehearsing.ask(candidate)
            candidate.trace[:] = finding.trace
            open_reason = rehearsing.UNSURE if finding.outcome is Outcome.UNSURE else ""
    asked_later = dict.fromkeys(extracts.of(trigger.input_mapping), extracts.LATER)
    return {
        "would_run": None if open_reason and not refusal else refusal is None,
        "reason": str(refusal.reason) if refusal else open_reason,
        "note": refusal.note if refusal else _OPEN_NOTES.get(open_reason, ""),
        "trace": candidate.trace,
        "inputs": {**deciding.inputs_of(candidate), **asked_later},
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

    Raises InvalidTrigger for a schedule that cannot be read any more, and for conditions in words whose examples fail
    or were not tried (`executions.trying` tries them, before any transaction).
    """
    if trigger.trigger_type == schedules.TYPE and (problems := cron.check_stored(trigger.config)):
        raise InvalidTrigger({f"config.{name}": said for name, said in problems.items()})
    if refused := activation.refusal(trigger):
        raise refused
    was_off = not trigger.enabled
    with transaction.atomic():
        # The gate first, as those do who count failures and put the trigger into error.
        TriggerGate.objects.filter(pk=trigger.pk).update(consecutive_failures=0)
        Trigger.objects.filter(pk=trigger.pk).update(
            status=TriggerStatus.ACTIVE,
            last_error="",
            waits_for_examples=False,
            updated_at=clock.now(),
        )
        for kind in (AlertKind.TRIGGER_ERROR, AlertKind.EXAMPLES):
            alerts.settle(kind, trigger_id=trigger.pk, now=clock.now())
        trigger.waits_for_examples = False
        trigger.status, trigger.last_error = TriggerStatus.ACTIVE, ""
        schedules.follow(trigger, afresh=was_off)


def disable(trigger: Trigger) -> None:
    with transaction.atomic():
        Trigger.objects.filter(pk=trigger.pk).update(
            status=TriggerStatus.PAUSED, waits_for_examples=False, updated_at=clock.now()
        )
        trigger.status, trigger.waits_for_examples = TriggerStatus.PAUSED, False
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
