"""Row 5 of the path: every new event becomes one execution per listening trigger, queued or skipped with its reason.

One transaction per batch, one dispatcher at a time (an advisory lock), so events are decided in the
order of their recording. `dispatch` goes on while batches are full; an event that commits
meanwhile sends a wake-up of its own. A batch that raises is repeated one event at a time, so that a bad event stays
alone; after five tries it is dead, with its error, and can be replayed.
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
from django.db import InterfaceError, OperationalError, connection, transaction

from config.lib import clock, json, wake
from executions import alerts, deciding, gate_locks, live, logbook, notices, statements
from executions.deciding import Decision
from executions.gates import loop_guard, overlap
from executions.models import AlertKind, Execution, Reason
from triggers.models import Event, Trigger
from triggers.models.trigger import heard_by

log = logging.getLogger(__name__)

LOCK_KEY = 0x7F15_0001  # pg_advisory_xact_lock: the one dispatcher
LOCK_TIMEOUT = "1s"
# The lock asks for what the setting answers, so that it is taken after it.
_LOCK = """SELECT clock_timestamp()
    FROM (SELECT set_config('lock_timeout', %s, true) AS said OFFSET 0) AS patience,
    LATERAL pg_advisory_xact_lock(CASE WHEN patience.said <> '' THEN %s::bigint END)"""
MAX_ATTEMPTS = 5
# Connection lost, rolled back (deadlock), out of memory, disk or connections, shutting down, lock not available.
_PASSING_STATES = ("08", "40", "53", "57P0", "55P03")


def dispatch(*, now: dt.datetime | None = None) -> int:
    """Dispatches until nothing is new; answers how many events. Nothing while TRIGGERS_ENABLED is false."""
    total = 0
    while settings.TRIGGERS_ENABLED:
        try:
            count = _batch(lambda: Event.objects.waiting(settings.DISPATCH_BATCH), now=now)
        except Exception as error:
            if _is_passing(error):
                log.info(
                    "not dispatching now, another dispatcher or no database",
                    extra={"why": str(error).strip()},
                )
                return total
            log.exception("a batch could not be dispatched, trying its events one at a time")
            return total + _one_by_one(now=now)
        total += count
        if count < settings.DISPATCH_BATCH:
            return total  # what commits from here on sends a wake-up of its own
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


def _batch(read: Callable[[], Iterable[Event]], *, now: dt.datetime | None) -> int:
    """One batch: eight statements, however many events. Answers how many events it took."""
    began = time.perf_counter()
    with transaction.atomic():
        locked_at = _lock()
        events = list(read())
        if not events:
            return 0
        now = now or locked_at
        heard = listeners(events)
        triggers = {trigger.pk: trigger for found in heard.values() for trigger in found}
        agent_gates = gate_locks.of_agents(trigger.agent_id for trigger in triggers.values())
        gates = gate_locks.of_triggers(triggers)
        runs = loop_guard.count((event, one) for event in events for one in heard[event.pk])
        runs.busy = overlap.busy(triggers.values())
        decisions = [
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
        _write(events, decisions, now)
        _tell(events, decisions)
    logbook.dispatched(events, now=now, seconds=time.perf_counter() - began)
    return len(events)


def _lock() -> dt.datetime:
    """Waits for its turn; answers the database's time then."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [LOCK_TIMEOUT, LOCK_KEY])
        ((now,),) = cursor.fetchall()
    return clock.observed(now)


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
        if not decision.execution.is_test
    }
    rows = [deciding.as_row(decision.execution) for decision in decisions]
    statements.run(
        "record_decisions",
        {
            "events": [event.pk for event in events],
            "counts": [made[event.pk] for event in events],
            "triggers": list(newest),
            "accepted": list(newest.values()),
            "agents": list({decision.execution.agent_id for decision in accepted}),
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
    """An attempt is counted before it is made: the event may be what kills this process."""
    done = 0
    for pk in [event.pk for event in Event.objects.waiting(settings.DISPATCH_BATCH)]:
        Event.objects.count_attempt([pk])
        try:
            done += _batch(partial(Event.objects.filter, pk=pk, state="new"), now=now)
        except Exception as error:
            if _is_passing(error):
                _give_attempt_back(pk)
                return done
            log.exception("an event could not be dispatched", extra={"event": str(pk)})
            _bury_if_hopeless(pk, error)
    return done


def _is_passing(error: Exception) -> bool:
    """Whether it is not the events' fault: another dispatcher holds the lock, or the database is away or overloaded.

    By SQLSTATE: PostgreSQL also calls a statement that is too complex "operational", and that would go on for ever.
    """
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(_PASSING_STATES)


def _give_attempt_back(pk: uuid.UUID) -> None:
    with suppress(OperationalError, InterfaceError):  # then the attempt stays counted, one of five
        Event.objects.give_attempt_back(pk)


def _bury_if_hopeless(pk: uuid.UUID, error: Exception) -> None:
    """Five times alone and never decided: the event is dead. One open alert for what dies of the same."""
    event = Event.objects.filter(pk=pk).first()
    if event is None:  # deleted with its workspace meanwhile
        return
    kind = type(error).__name__
    if event.attempts >= MAX_ATTEMPTS and Event.objects.bury(pk, error=f"{kind}: {error}"):
        alerts.raise_alert(
            event.workspace_id,
            AlertKind.DEAD_EVENT,
            f"An event, {event.type}, could not be answered ({kind}), and perhaps more of them: "
            "look at the dead events, then replay them.",
            dedupe_key=f"dead:{event.type}:{kind}",
        )
