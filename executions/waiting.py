"""Why a queued run has not started yet: asks what a claim would ask, for this one row, and changes nothing."""

from __future__ import annotations

import datetime as dt
import uuid

from agents.models import Agent
from config.lib import clock
from executions.gates import Asked, Key, Ready, Room, budget, claim_gates, unsigned_share
from executions.models import AgentGate, Execution, Status, Verdict
from triggers.models import Trigger

COUNTED = 1_000  # rows before this one are counted no further


def why(execution: Execution) -> str:
    """One or two sentences; empty where it does not wait for a place, or has just been queued and will start at once.

    `execution` was read with its agent, trigger and workspace. A query per claim gate, and one for the queue.
    """
    agent, trigger = execution.agent, execution.trigger
    if execution.status != Status.QUEUED or agent is None or trigger is None:
        return ""
    if execution.run_at and execution.verdict != Verdict.PENDING:
        return ""
    if execution.verdict == Verdict.PENDING:
        return why_undecided(execution)
    if execution.workspace.paused:
        return "Everything in this workspace is paused. Resume it, and this run goes on."
    return " ".join(
        filter(None, [_full(execution, agent, trigger), _queue_before(execution, trigger)])
    )


def why_undecided(execution: Execution) -> str:
    """A model has still to judge its conditions: it does so now, or what keeps it from that. No query."""
    if execution.workspace.paused:
        return (
            "Everything in this workspace is paused. Resume it, and a model judges its conditions."
        )
    if execution.run_at or execution.held_for:
        return f"Its conditions are not judged yet. {execution.error_message} It goes on by itself."
    if execution.lease:
        return "A model is judging its conditions now."
    return "Waits for a model to judge its conditions."


def what_is_full(trigger: Trigger, *, is_unsigned: bool) -> str:
    """The same for a run that the trigger would make now; empty where it would start at once.

    `trigger` was read with its agent and workspace. A query per claim gate.
    """
    now, nobody = clock.now(), uuid.UUID(int=0)
    row = Ready(
        nobody, trigger.agent_id, trigger.pk, 0, 0, False, False, now, is_unsigned=is_unsigned
    )
    trigger.agent.workspace = trigger.workspace
    return _asked(row, trigger.agent, trigger)


def _full(execution: Execution, agent: Agent, trigger: Trigger) -> str:
    row = Ready(
        execution.pk,
        agent.pk,
        trigger.pk,
        execution.position,
        execution.attempt,
        execution.resumes,
        execution.is_test,
        execution.created_at,
        execution.is_unsigned,
    )
    agent.workspace = execution.workspace
    return _asked(row, agent, trigger)


def _asked(row: Ready, agent: Agent, trigger: Trigger) -> str:
    known = AgentGate.objects.filter(pk=agent.pk).first() or AgentGate(agent=agent)
    known.agent = agent
    asked = Asked([known], [trigger], clock.now())
    keys: tuple[Key, ...] = (("agent", agent.pk), ("trigger", trigger.pk))
    for gate in claim_gates():
        rooms = gate.free(asked) if gate.counts(row) else {}
        for key in keys:
            room = rooms.get(key)
            if room is not None and room.places <= 0:
                said = gate.says(room) if gate.says else ""
                return said or _sentence(gate.name, key[0], room, agent, trigger, now=asked.now)
    return ""


def _sentence(
    gate: str, whose: str, room: Room, agent: Agent, trigger: Trigger, *, now: dt.datetime
) -> str:
    free = f" The next place is free at {room.free_at:%H:%M:%S} UTC." if room.free_at else ""
    if gate == "minute_window":
        limit = agent.limit("max_executions_per_minute")
        return f"The agent started as many runs in the last minute as it may ({limit}).{free}"
    if gate == "hourly_window":
        limit = trigger.max_executions_per_hour
        return f"The trigger started as many runs in the last hour as it may ({limit}).{free}"
    if gate == "daily_limit":
        return "The agent has done as many runs today as it may."
    if gate == unsigned_share.NAME:
        return f"{unsigned_share.note(agent)} It will be skipped."
    if gate == budget.NAME:
        midnight = f"midnight ({agent.workspace.timezone})"
        goes_on = f"It goes on after {midnight}, or minutes after the budget was raised."
        return f"{budget.note(agent, now=now)} {goes_on}"
    limit = agent.limit("max_concurrent") if whose == "agent" else trigger.max_concurrent
    return f"As many runs of the {whose} as may be at work at once ({limit}) are at work now."


def _queue_before(execution: Execution, trigger: Trigger) -> str:
    """Uses index execution_ready."""
    ahead = Execution.objects.ready().filter(trigger=trigger, position__lt=execution.position)
    count = ahead.order_by()[:COUNTED].count()
    if not count:
        return ""
    many = f"{COUNTED:,} or more" if count == COUNTED else f"{count:,}"
    return f"{many} run{'s' if count > 1 else ''} of this trigger {'are' if count > 1 else 'is'} before it."
