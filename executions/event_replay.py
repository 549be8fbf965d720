"""Handing events out again: dead ones to the dispatcher as if they were new, answered ones to each of their triggers.

The triggers of an answered event: those that heard it then and those that listen to its topic now. An event that was
made up for a test goes to the trigger that was tested, and to no other.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet

from config.lib import wake
from executions import dispatcher, replay
from executions.dispatcher import Again
from executions.models import Execution
from executions.replay import MOST, Plan, Replayed, TooMany
from triggers.models import Event, EventState, Trigger


def plan(rows: QuerySet[Event], *, limit: int | None = None) -> Plan:
    """What handing these events out again would do; writes nothing. Raises replay.TooMany, by events or by runs."""
    rows = rows.order_by("id").defer(None)
    matched = rows.count()
    known = rows.filter(bodies_kept_days=None)
    fit = known.exclude(state=EventState.NEW)
    readable, number = known.count(), fit.count()
    if number > MOST and limit is None:
        raise TooMany(number)
    events = list(fit[: min(limit or MOST, MOST)])
    answered = [event for event in events if event.state == EventState.MATCHED]
    again = _again(answered)
    if len(again) > MOST:
        raise TooMany(len(again))
    left_out = {
        "not answered yet": readable - number,
        "what it said was deleted": matched - readable,
    }
    return Plan(
        again,
        matched,
        {why: count for why, count in left_out.items() if count},
        replay.repeats(Execution.objects.filter(event__in=[event.pk for event in answered])),
        [event.pk for event in events if event.state == EventState.DEAD],
        number - len(events),
    )


def carry_out(planned: Plan) -> Replayed:
    with transaction.atomic():
        revived = Event.objects.revive(planned.revived)
        if revived:
            wake.dispatcher()
        return Replayed(replay.carry_out(planned).executions, revived)


def _again(events: Sequence[Event]) -> list[Again]:
    """The pairs, oldest event first. Three queries."""
    if not events:
        return []
    heard: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    tests: set[uuid.UUID] = set()
    rows = Execution.objects.filter(event__in=[event.pk for event in events])
    for event_id, trigger_id, is_test in rows.values_list("event_id", "trigger_id", "is_test"):
        heard[event_id].update({trigger_id} - {None})
        tests.update({event_id} if is_test else ())
    for event_id, listening in dispatcher.listeners(events).items():
        if event_id not in tests:
            heard[event_id].update(trigger.pk for trigger in listening)
    triggers = Trigger.objects.select_related("agent").in_bulk(set().union(*heard.values()))
    return [
        Again(event, triggers[pk], event.pk in tests, is_replay=True)
        for event in events
        for pk in sorted(heard[event.pk])
        if pk in triggers
    ]
