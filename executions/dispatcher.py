"""Row 5 of the path: every new event becomes one execution per listening trigger, queued or skipped with its reason.

One transaction per batch, one dispatcher at a time (an advisory lock), so events are decided in the
order of their recording. `dispatch` goes on while batches are full; an event that commits
meanwhile sends a wake-up of its own. A batch that raises is repeated one event at a time, so that a bad event stays
alone; after five tries it is dead, with its error, and can be replayed.

An event may also kill its dispatcher (out of memory, a fault in a library): the next one notices, and takes the events
one at a time. What has been tried alone is tried only alone from then on.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from django.conf import settings
from django.db import InterfaceError, OperationalError

from config.lib import clock, json, wake
from config.lib.passing import is_passing
from executions import alerts, deciding, gate_locks, live, logbook, notices, statements, turns
from executions.deciding import Decision
from executions.gates import loop_guard, overlap
from executions.models import AlertKind, Execution, Reason
from triggers.models import Event, Trigger
from triggers.models.trigger import heard_by

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
_KILLED = "Its dispatcher died each time it looked at it."


def dispatch(*, now: dt.datetime | None = None) -> int:
    """Dispatches until nothing is new; answers how many events. Nothing while TRIGGERS_ENABLED is false."""
    total = 0
    while settings.TRIGGERS_ENABLED:
        try:
            count = _batch(lambda: Event.objects.untried(settings.DISPATCH_BATCH), now=now)
        except Exception as error:
            if is_passing(error):
                log.info(
                    "not dispatching now, another dispatcher or no database",
                    extra={"why": str(error).strip()},
                )
                return total
            log.exception("a batch could not be dispatched, trying its events one at a time")
            return total + _one_by_one(now=now)
        total += count
        if count < settings.DISPATCH_BATCH:
            # What commits from here on sends a wake-up of its own.
            return total + (_one_by_one(now=now) if Event.objects.tried().exists() else 0)
    return total


@dataclass(frozen=True, slots=True)
class Again:
    """An event for one trigger (read with its agent) that nobody else shall hear; `of` is the run that it replays."""

    event: Event
    trigger: Trigger
    is_test: bool = False
    of: uuid.UUID | None = None
    is_replay: bool = False


def dispatch_now(event: Event, trigger: Trigger, *, is_test: bool) -> Execution:
    """One execution of `trigger` for an event that only it hears, at once, in the open transaction.

    Used for run now and test. The gates are asked as for any event, so the row may be skipped.
    """
    (execution,) = dispatch_again([Again(event, trigger, is_test)])
    return execution


def dispatch_again(asked: Sequence[Again]) -> list[Execution]:
    """One new execution for each, in their order, in the open transaction; a fixed number of statements.

    No pair of event and trigger may stand twice in it.
    """
    now = clock.now()
    agent_gates = gate_locks.of_agents(one.trigger.agent_id for one in asked)
    gates = gate_locks.of_triggers(one.trigger.pk for one in asked)
    replays = [one for one in asked if one.is_replay]
    runs = loop_guard.count(((one.event, one.trigger) for one in asked), by_subject=not replays)
    runs.busy = overlap.busy(one.trigger for one in asked)
    last = (
        Execution.objects.last_replay_nos(
            (one.event.pk for one in replays), (one.trigger.pk for one in replays)
        )
        if replays
        else {}
    )
    decisions = [
        deciding.decide(
            one.event,
            one.trigger,
            gate=gates[one.trigger.pk],
            agent_gate=agent_gates[one.trigger.agent_id],
            now=now,
            is_test=one.is_test,
            replay_no=last.get((one.event.pk, one.trigger.pk), 0) + 1 if one.is_replay else 0,
            replay_of=one.of,
            runs=runs,
        )
        for one in asked
    ]
    _write([], decisions, now)
    _tell([], decisions)
    return [decision.execution for decision in decisions]


def _batch(
    read: Callable[[], Iterable[Event]], *, now: dt.datetime | None, alone: bool = False
) -> int:
    """One batch: ten statements, however many events. Answers how many events it took.

    Raises turns.SomebodyDied where the batch before it did not end, unless its one event is tried `alone`.
    """
    began = time.perf_counter()
    with turns.take() as turn:
        events = list(read())
        if not events:
            return 0
        if turn.after_a_death and not alone:
            raise turns.SomebodyDied
        now = now or turn.now
        decisions = _decide(events, now)
        _write(events, decisions, now)
        _tell(events, decisions)
    logbook.dispatched(events, now=now, seconds=time.perf_counter() - began)
    return len(events)


def _decide(events: Sequence[Event], now: dt.datetime) -> list[Decision]:
    heard = listeners(events)
    triggers = {trigger.pk: trigger for found in heard.values() for trigger in found}
    agent_gates = gate_locks.of_agents(trigger.agent_id for trigger in triggers.values())
    gates = gate_locks.of_triggers(triggers)
    runs = loop_guard.count((event, one) for event in events for one in heard[event.pk])
    runs.busy = overlap.busy(triggers.values())
    return [
        deciding.decide(
            event,
            trigger,
            gate=gates[trigger.pk],
            agent_gate=agent_gates[trigger.agent_id],
            now=now,
            runs=runs,
        )
        for event in events
        for trigger in heard[event.pk]
    ]


def listeners(events: Sequence[Event]) -> dict[uuid.UUID, list[Trigger]]:
    """The triggers that hear each event, oldest trigger first. One query for the batch."""
    topics = {(event.workspace_id, event.topic) for event in events}
    by_topic: dict[tuple[uuid.UUID, str], list[Trigger]] = defaultdict(list)
    found = Trigger.objects.listening_for(topics).select_related("agent").order_by("pk")
    for trigger in found:
        by_topic[trigger.workspace_id, trigger.topic].append(trigger)
    heard = {
        topic: sorted(
            (
                trigger
                for name in heard_by(topic[1])
                for trigger in by_topic.get((topic[0], name), ())
            ),
            key=lambda trigger: trigger.pk,
        )
        for topic in topics
    }
    return {event.pk: heard[event.workspace_id, event.topic] for event in events}


def _write(events: Sequence[Event], decisions: Sequence[Decision], now: dt.datetime) -> None:
    """Marks the events, inserts the executions, moves the gates, wakes the workers. One statement."""
    made = Counter(decision.execution.event_id for decision in decisions)
    accepted = [decision for decision in decisions if decision.is_accepted]
    newest = {
        decision.gate.pk: decision.gate.last_accepted_at
        for decision in accepted
        if not (decision.execution.is_test or decision.is_pending)
    }
    rows = [deciding.as_row(decision.execution) for decision in decisions]
    statements.run(
        "record_decisions",
        {
            "events": [event.pk for event in events],
            "counts": [made[event.pk] for event in events],
            "triggers": list(newest),
            "accepted": list(newest.values()),
            "agents": list({d.execution.agent_id for d in accepted if not d.is_pending}),
            "now": now,
            "rows": json.dumps(rows).decode(),
        },
    )
    if accepted:
        wake.workers()


def _tell(events: Sequence[Event], decisions: Sequence[Decision]) -> None:
    """News after the commit, and one alert per trigger and bound that stopped a loop."""
    news: dict[uuid.UUID, list[notices.Notice]] = defaultdict(list)
    made: dict[uuid.UUID, int] = defaultdict(int)
    for decision in decisions:
        execution = decision.execution
        made[execution.event_id] += 1
        if decision.is_accepted:
            news[execution.workspace_id].append(
                notices.event_triggered(decision.event, agent_id=execution.agent_id)
            )
        change: notices.Change = "queued" if decision.is_accepted else "skipped"
        news[execution.workspace_id].append(notices.execution_changed(change, execution))
    for event in events:
        news[event.workspace_id].append(
            notices.event_dispatched(event, executions_count=made[event.pk])
        )
    for workspace_id, batch in news.items():
        live.push_many(workspace_id, batch)
    stopped = [one for one in decisions if one.execution.reason == Reason.LOOP_GUARD]
    loops = Counter(_loop_of(one) for one in stopped)
    for key, decision in {_loop_of(one): one for one in reversed(stopped)}.items():
        _alert_loop(decision, key, times=loops[key])
    logbook.decided(decision.execution for decision in decisions)


def _loop_of(decision: Decision) -> str:
    """One open alert per trigger and bound: a loop that goes on is counted, however many records it runs through."""
    execution = decision.execution
    return f"loop:{execution.listener_id}:{loop_guard.bound_of(execution.trace)}"


def _alert_loop(decision: Decision, key: str, *, times: int) -> None:
    event, trigger = decision.event, decision.trigger
    alerts.raise_alert(
        event.workspace_id,
        AlertKind.LOOP,
        f"{trigger.name} was stopped, it may run in a circle: {decision.execution.error_message}.",
        agent=trigger.agent,
        trigger=trigger,
        execution_id=decision.execution.pk,
        dedupe_key=key,
        times=times,
    )


def _one_by_one(*, now: dt.datetime | None) -> int:
    """An attempt is counted before it is made: the event may be what kills this process. So those go last that were
    tried before, and their neighbours go on.
    """
    done = 0
    for pk, attempts in Event.objects.alone(settings.DISPATCH_BATCH):
        if attempts >= MAX_ATTEMPTS:
            _bury(pk, _KILLED, kind="Killed")
            continue
        Event.objects.count_attempt([pk])
        try:
            done += _batch(partial(Event.objects.filter, pk=pk, state="new"), now=now, alone=True)
        except Exception as error:
            if is_passing(error):
                _give_attempt_back(pk)
                return done
            log.exception("an event could not be dispatched", extra={"event": str(pk)})
            if attempts + 1 >= MAX_ATTEMPTS:
                _bury(pk, f"{type(error).__name__}: {error}", kind=type(error).__name__)
    return done


def _give_attempt_back(pk: uuid.UUID) -> None:
    with suppress(OperationalError, InterfaceError):  # then the attempt stays counted, one of five
        Event.objects.give_attempt_back(pk)


def _bury(pk: uuid.UUID, why: str, *, kind: str) -> None:
    """Five times alone and never decided: the event is dead. One open alert for what dies of the same."""
    event = Event.objects.filter(pk=pk).first()
    if event is None:  # deleted with its workspace meanwhile
        return
    if Event.objects.bury(pk, error=why):
        alerts.raise_alert(
            event.workspace_id,
            AlertKind.DEAD_EVENT,
            f"An event, {event.type}, could not be answered ({kind}), and perhaps more of them: "
            "look at the dead events, then replay them.",
            dedupe_key=f"dead:{event.type}:{kind}",
        )
