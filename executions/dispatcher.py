"""Row 5 of the path: every new event becomes one execution per listening trigger, queued or skipped with its reason.

One transaction per batch, one dispatcher at a time (an advisory lock), so events are decided in the
order of their recording. `dispatch` goes on while batches are full; an event that commits
meanwhile sends a wake-up of its own. A batch that raises is repeated one event at a time, so that a bad event stays
alone; after five tries it is dead, with its error, and can be replayed.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Q

from config.lib import clock, json, wake
from executions import alerts, deciding, live, notices, statements
from executions.deciding import Decision
from executions.models import AgentGate, AlertKind, Execution, Reason, TriggerGate
from triggers.models import Event, Trigger
from triggers.models.trigger import heard_by

log = logging.getLogger(__name__)

_LOCK_KEY = 0x7F15_0001  # pg_advisory_xact_lock: the one dispatcher
LOCK_TIMEOUT = "1s"
MAX_ATTEMPTS = 5


def dispatch(*, now: dt.datetime | None = None) -> int:
    """Dispatches until nothing is new; answers how many events. Nothing while TRIGGERS_ENABLED is false."""
    total = 0
    while settings.TRIGGERS_ENABLED:
        try:
            count = _batch(lambda: Event.objects.waiting(settings.DISPATCH_BATCH), now=now)
        except (OperationalError, InterfaceError) as error:
            log.info(
                "not dispatching now, another dispatcher or no database",
                extra={"why": str(error).strip()},
            )
            return total
        except Exception:
            log.exception("a batch could not be dispatched, trying its events one at a time")
            return total + _one_by_one(now=now)
        total += count
        if count < settings.DISPATCH_BATCH:
            return total  # what commits from here on sends a wake-up of its own
    return total


def dispatch_now(
    event: Event,
    trigger: Trigger,
    *,
    is_test: bool,
    replay_of: Execution | None = None,
) -> Execution:
    """One execution of `trigger` for an event that only it hears, at once, in the open transaction.

    Used for run now, test and replay. The gates are asked as for any event, so the row may be skipped.
    """
    now = clock.now()
    agent_gates = _lock_agent_gates([trigger.agent_id])
    gates = _lock_trigger_gates([trigger.pk])
    replay_no = Execution.objects.next_replay_no(replay_of) if replay_of else 0
    decision = deciding.decide(
        event,
        trigger,
        gate=gates[trigger.pk],
        agent_gate=agent_gates[trigger.agent_id],
        now=now,
        is_test=is_test,
        replay_no=replay_no,
        replay_of=replay_of.pk if replay_of else None,
    )
    _write([decision], now)
    _tell([], [decision])
    return decision.execution


def _batch(read: Callable[[], Iterable[Event]], *, now: dt.datetime | None) -> int:
    """One batch: ten statements, however many events. Answers how many events it took."""
    with transaction.atomic():
        locked_at = _lock()
        events = list(read())
        if not events:
            return 0
        now = now or locked_at
        listeners = _listeners(events)
        triggers = {trigger.pk: trigger for found in listeners.values() for trigger in found}
        agent_gates = _lock_agent_gates({trigger.agent_id for trigger in triggers.values()})
        gates = _lock_trigger_gates(triggers)
        decisions = [
            deciding.decide(
                event,
                trigger,
                gate=gates[trigger.pk],
                agent_gate=agent_gates[trigger.agent_id],
                now=now,
            )
            for event in events
            for trigger in listeners[event.pk]
        ]
        _mark(events, decisions)
        _write(decisions, now)
        _tell(events, decisions)
    return len(events)


def _lock() -> dt.datetime:
    """Waits for its turn; answers the database's time then."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
        cursor.execute("SELECT clock_timestamp() FROM pg_advisory_xact_lock(%s)", [_LOCK_KEY])
        (now,) = cursor.fetchone()
    return clock.observed(now)


def _listeners(events: Sequence[Event]) -> dict[uuid.UUID, list[Trigger]]:
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


def _lock_agent_gates(agent_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, AgentGate]:
    """Locked, in order; made where an agent has none yet."""
    wanted = set(agent_ids)
    query = AgentGate.objects.filter(pk__in=wanted).order_by("pk").select_for_update()
    gates = {gate.pk: gate for gate in query}
    if missing := wanted - set(gates):
        AgentGate.objects.bulk_create(
            [AgentGate(pk=pk) for pk in sorted(missing)], ignore_conflicts=True
        )
        gates = {gate.pk: gate for gate in query.all()}
    return gates


def _lock_trigger_gates(trigger_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, TriggerGate]:
    wanted = set(trigger_ids)
    query = TriggerGate.objects.filter(pk__in=wanted).order_by("pk").select_for_update()
    gates = {gate.pk: gate for gate in query}
    if missing := wanted - set(gates):
        TriggerGate.objects.bulk_create(
            [TriggerGate(pk=pk) for pk in sorted(missing)], ignore_conflicts=True
        )
        gates = {gate.pk: gate for gate in query.all()}
    return gates


def _mark(events: Sequence[Event], decisions: Sequence[Decision]) -> None:
    made: dict[uuid.UUID, int] = defaultdict(int)
    for decision in decisions:
        made[decision.execution.event_id] += 1
    statements.run(
        "mark_events_matched",
        {"ids": [event.pk for event in events], "counts": [made[event.pk] for event in events]},
    )


def _write(decisions: Sequence[Decision], now: dt.datetime) -> None:
    """Inserts the executions, moves the gates, wakes the workers."""
    if not decisions:
        return
    rows = [deciding.as_row(decision.execution) for decision in decisions]
    statements.run("insert_executions", {"rows": json.dumps(rows).decode()})
    accepted = [decision for decision in decisions if decision.is_accepted]
    if not accepted:
        return
    newest = {decision.gate.pk: decision.gate.last_accepted_at for decision in accepted}
    statements.run(
        "accept_on_trigger_gates", {"ids": list(newest), "accepted": list(newest.values())}
    )
    agent_ids = {decision.execution.agent_id for decision in accepted}
    later = Q(next_eligible_at=None) | Q(next_eligible_at__gt=now)
    AgentGate.objects.filter(later, pk__in=agent_ids).update(next_eligible_at=now)
    wake.workers()


def _tell(events: Sequence[Event], decisions: Sequence[Decision]) -> None:
    """News after the commit, and one alert per loop that was stopped."""
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
        if execution.reason == Reason.LOOP_GUARD:
            _alert_loop(decision)
    for event in events:
        news[event.workspace_id].append(
            notices.event_dispatched(event, executions_count=made[event.pk])
        )
    for workspace_id, batch in news.items():
        live.push_many(workspace_id, batch)


def _alert_loop(decision: Decision) -> None:
    event, trigger = decision.event, decision.trigger
    alerts.raise_alert(
        event.workspace_id,
        AlertKind.LOOP,
        f"{trigger.name} was stopped: its own run led back to it.",
        agent=trigger.agent,
        trigger=trigger,
        execution_id=decision.execution.pk,
        dedupe_key=f"loop:{event.root_id}:{trigger.pk}",
    )


def _one_by_one(*, now: dt.datetime | None) -> int:
    done = 0
    for pk in [event.pk for event in Event.objects.waiting(settings.DISPATCH_BATCH)]:
        Event.objects.count_attempt([pk])
        try:
            done += _batch(partial(Event.objects.filter, pk=pk, state="new"), now=now)
        except (OperationalError, InterfaceError):
            return done
        except Exception as error:
            log.exception("an event could not be dispatched", extra={"event": str(pk)})
            _bury_if_hopeless(pk, error)
    return done


def _bury_if_hopeless(pk: uuid.UUID, error: Exception) -> None:
    event = Event.objects.get(pk=pk)
    if event.attempts >= MAX_ATTEMPTS and Event.objects.bury(
        pk, error=f"{type(error).__name__}: {error}"
    ):
        alerts.raise_alert(
            event.workspace_id,
            AlertKind.DEAD_EVENT,
            f"The event {event.type} could not be dispatched.",
            dedupe_key=f"dead:{pk}",
        )
