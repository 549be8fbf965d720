"""Running again what has run, or was skipped: explicit, new rows, the originals untouched, every gate asked again.

What a replay of many would do is a plan first, so that a person sees what it would repeat outside before anything runs.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from agents.models import Agent
from executions import dispatcher, gate_locks, launch
from executions.dispatcher import Again
from executions.models import (
    TERMINAL,
    AgentGate,
    Alert,
    AlertKind,
    Execution,
    Reason,
    Status,
    Step,
)
from triggers.models import Event, Trigger

MOST = 1_000  # runs of one replay
_AT_ONCE = 200  # runs of one batch of statements
_STOPPING = dt.timedelta(seconds=5)  # a batch of events that read the clock before the alert did


class CannotReplay(Exception):
    """There is nothing left to run this with; the message says why."""


class TooMany(CannotReplay):
    """More than one replay takes."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"These are {number:,} runs; one replay takes at most {MOST:,}. Narrow the filter."
        )


@dataclass(slots=True)
class Plan:
    """What a replay would do. `again`: which runs, oldest first. `left_out`: how many not, by the reason in words.

    `repeats`: how many steps with an effect outside (an e-mail, a request) it would do again, by action.
    `revived`: ids of dead events that it hands to the dispatcher.
    """

    again: list[Again]
    matched: int
    left_out: dict[str, int] = field(default_factory=dict)
    repeats: dict[str, int] = field(default_factory=dict)
    revived: list[uuid.UUID] = field(default_factory=list)
    remaining: int = 0  # that a `limit` leaves for the next time


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a plan: the new rows, and the dead events that live again."""

    executions: list[Execution]
    revived: int = 0

    @property
    def queued(self) -> int:
        return sum(one.status == Status.QUEUED for one in self.executions)

    @property
    def skipped(self) -> dict[str, int]:
        """How many gates refused, by reason."""
        return dict(Counter(str(one.reason) for one in self.executions if one.reason))


def replay(execution: Execution) -> Execution:
    """A new execution of the same event at the same trigger. Raises CannotReplay."""
    if execution.trigger_id is None or execution.agent_id is None:
        raise CannotReplay("Its trigger or agent has been deleted.")
    if not execution.is_finished:
        raise CannotReplay("It has not finished yet.")
    trigger = Trigger.objects.select_related("agent").get(pk=execution.trigger_id)
    with transaction.atomic():
        gate_locks.of_agents([trigger.agent_id])
        gate_locks.of_triggers([trigger.pk])
        event = Event.objects.held(execution.event_id)
        if event is None or event.bodies_deleted:
            gone = event.bodies_deleted if event else "deleted"
            raise CannotReplay(f"What its event said was {gone}.")
        again = Again(event, trigger, execution.is_test, execution.pk, is_replay=True)
        return dispatcher.dispatch_again([again])[0]


def plan(
    rows: QuerySet[Execution], *, include_replayed: bool = False, limit: int | None = None
) -> Plan:
    """What replaying these rows would do; writes nothing. Of an event at a trigger the newest run counts.

    Runs that were replayed since are left out unless asked for. Raises TooMany, unless there is a `limit` (the oldest
    ones are taken).
    """
    rows = rows.order_by("id")
    ended = rows.filter(status__in=TERMINAL)
    whole = ended.filter(trigger__isnull=False, agent__isnull=False)
    known = whole.filter(event__bodies_kept_days=None)
    newer = Execution.objects.filter(
        event_id=OuterRef("event_id"),
        listener_id=OuterRef("listener_id"),
        replay_no__gt=OuterRef("replay_no"),
    )
    fit = known if include_replayed else known.filter(~Exists(newer))
    matched, finished, complete = rows.count(), ended.count(), whole.count()
    readable, number = known.count(), fit.count()
    if number > MOST and limit is None:
        raise TooMany(number)
    taken = list(fit.select_related("event")[: min(limit or MOST, MOST)])
    left_out = {
        "not finished": matched - finished,
        "agent or trigger deleted": finished - complete,
        "what the event said was deleted": complete - readable,
        "replayed already": readable - number,
    }
    return Plan(
        again_of(taken),
        matched,
        {why: count for why, count in left_out.items() if count},
        repeats(Execution.objects.filter(pk__in=[one.pk for one in taken])),
        remaining=number - len(taken),
    )


def again_of(executions: Sequence[Execution]) -> list[Again]:
    """One for each event and trigger, of the newest of these runs; they have both."""
    triggers = Trigger.objects.select_related("agent").in_bulk(
        {one.trigger_id for one in executions}
    )
    newest = {
        (one.event_id, one.listener_id): one
        for one in sorted(executions, key=lambda one: one.replay_no)
        if one.trigger_id in triggers
    }
    found = sorted(newest.values(), key=lambda one: one.position)
    return [
        Again(one.event, triggers[one.trigger_id], one.is_test, one.pk, is_replay=True)
        for one in found
        if one.trigger_id
    ]


def repeats(executions: QuerySet[Execution]) -> dict[str, int]:
    """The steps outside that these runs have done, or may have done, by action; a replayed run counts once."""
    steps = Step.objects.filter(
        execution__in=executions, effect="outside", state__in=["done", "unknown"]
    )
    done = steps.order_by().values_list(
        "kind", "execution__event_id", "execution__listener_id", "number"
    )
    return dict(Counter(kind for kind, *_ in done.distinct()).most_common())


def carry_out(planned: Plan) -> Replayed:
    """Does what was planned, in one transaction, whose locks are all taken first: a later batch's gates may come before
    those of an earlier one in the order of the house.
    """
    with transaction.atomic():
        made: list[Execution] = []
        _lock_gates(planned.again)
        there = Event.objects.hold({one.event.pk for one in planned.again})
        for batch in _batches([one for one in planned.again if one.event.pk in there]):
            made += dispatcher.dispatch_again(batch)
    return Replayed(made)


def _lock_gates(again: Sequence[Again]) -> None:
    """Before the events too: the dispatcher takes its gates, then marks its events."""
    gate_locks.of_agents(one.trigger.agent_id for one in again)
    gate_locks.of_triggers(one.trigger.pk for one in again)


def _batches(again: Sequence[Again]) -> Iterable[Sequence[Again]]:
    for start in range(0, len(again), _AT_ONCE):
        yield again[start : start + _AT_ONCE]


def plan_skipped(agent: Agent) -> Plan:
    """What the agent's full day skipped, the last time that it was paused for it, and nobody has replayed yet."""
    gate = AgentGate.objects.filter(pk=agent.pk).first()
    rows = Execution.objects.filter(
        agent=agent, status=Status.SKIPPED, reason=Reason.DAILY_LIMIT, is_test=False
    )
    if gate is None or gate.paused_at is None:
        return plan(rows.none())
    return plan(rows.filter(finished_at__gte=gate.paused_at), limit=MOST)


def resume_and_replay(agent: Agent) -> tuple[Plan, Replayed]:
    """Activates the agent and runs what its full day skipped, at most 1,000, oldest first.

    Raises launch.CannotStart.
    """
    with transaction.atomic():
        launch.activate(agent)
        planned = plan_skipped(agent)
        return planned, carry_out(planned)


def plan_refused(trigger: Trigger) -> Plan:
    """What the trigger skipped since it stopped with its last error, and nobody has replayed yet.

    The stop is told by its alert, written a moment after the trigger had stopped.
    """
    stops = Alert.objects.filter(trigger=trigger, kind=AlertKind.TRIGGER_ERROR).order_by("-id")
    stop = stops.first()
    rows = Execution.objects.filter(
        trigger=trigger, status=Status.SKIPPED, reason=Reason.TRIGGER_ERROR, is_test=False
    )
    if stop is None:
        return plan(rows.none())
    return plan(rows.filter(finished_at__gte=stop.created_at - _STOPPING), limit=MOST)


def resume_trigger(trigger: Trigger) -> tuple[Plan, Replayed]:
    """Switches a trigger in error on and runs what it skipped meanwhile, at most 1,000, oldest first."""
    with transaction.atomic():
        gate_locks.of_agents([trigger.agent_id])  # before its trigger's
        launch.resume(trigger)
        planned = plan_refused(trigger)
        return planned, carry_out(planned)


def summary(planned: Plan, done: Replayed | None = None) -> dict[str, Any]:
    """As REST answers it and the trail keeps it."""
    told: dict[str, Any] = {
        "dry_run": done is None,
        "matched": planned.matched,
        "count": len(planned.again) + len(planned.revived),
        "left_out": planned.left_out,
        "repeats": planned.repeats,
        "remaining": planned.remaining,
    }
    if done is not None:
        told |= {"queued": done.queued, "skipped": done.skipped, "revived": done.revived}
    return told
