"""Telling that runs start and end, as events: in the transaction of the change, and only where somebody listens.

`agent_completed` triggers hear the end of one agent; `event` triggers on `execution.started`, `.completed`, `.failed`
hear of every run. The statements that start and end runs answer for each row whether anybody might listen, so that
nothing is asked or written besides where nobody does. Tests tell nobody. What an `execution.*` trigger started is not
told to such triggers: who watches runs would else watch himself.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal

from agents.models import Agent
from config.lib import json
from executions.loading import cause_of
from executions.models import Execution, Status
from triggers import events
from triggers.event_types import EventType
from triggers.models import Event, Trigger
from triggers.models.trigger import heard_by
from triggers.sources import completion

_RESULTS = {
    Status.COMPLETED: completion.SUCCESS,
    Status.FAILED: completion.FAILED,
    Status.TIMED_OUT: completion.FAILED,
    Status.CANCELLED: completion.CANCELLED,
}
_TYPES = {completion.SUCCESS: completion.COMPLETED, completion.FAILED: completion.FAILURE}
Ending = Literal["success", "failed", "cancelled"]
MAX_RUN_ID = 200
Told = tuple[Execution, EventType, str]  # of which run, what, at which topic


def announce_ends(ended: Iterable[Execution]) -> int:
    """Emits what the ends of these runs mean to whoever listens; answers how many events.

    The rows have their status, output and times already. One query for the listeners, one INSERT; one more
    query for the events that led here where they are not loaded.
    """
    told = [
        one
        for execution in ended
        if not execution.is_test and execution.agent_id and execution.status in _RESULTS
        for one in _tellings(execution)
    ]
    return _emit(told)


def announce_starts(ids: Collection[uuid.UUID]) -> int:
    """`execution.started` for runs that began just now. Answers how many events."""
    if not ids:
        return 0
    rows = Execution.objects.filter(pk__in=list(ids), is_test=False).select_related("event")
    return _emit(
        [(row, completion.STARTED, completion.STARTED.name) for row in rows.order_by("position")]
    )


def completed(
    agent: Agent,
    run_id: uuid.UUID | str,
    *,
    status: Ending = "success",
    outputs: dict[str, Any] | None = None,
    error_message: str = "",
) -> Event | None:
    """Tells that a run of an agent has ended that a program performed elsewhere, so that its `agent_completed`
    triggers fire.

        executions.completed(agent, "run-4711", outputs={"total": 3})

    One event, in the transaction that is open; `outputs` are what such triggers hand on. The same `run_id` of an agent
    counts once. Answers the event, the first one where it is told again, or None where no trigger waits for this end:
    nothing is written then. Two queries, three where it is told again. Raises ValueError for another status, and for a
    `run_id` that is not 1 to 200 printable characters.
    """
    if status not in _RESULTS.values():
        raise ValueError(f"not the end of a run: {status!r}; success, failed or cancelled")
    if not 0 < len(key := str(run_id)) <= MAX_RUN_ID or not key.isprintable():
        raise ValueError(
            f"not the id of a run: {key[:50]!r}; 1 to {MAX_RUN_ID} printable characters"
        )
    topic = completion.topic(agent.pk, status)
    if not Trigger.objects.listening_for([(agent.workspace_id, topic)]).exclude(topic="*").exists():
        return None
    words = {result: state for state, result in _RESULTS.items() if state != Status.TIMED_OUT}
    return events.emit(
        completion.AGENT_COMPLETED,
        workspace_id=agent.workspace_id,
        topic=topic,
        dedupe_key=f"{agent.pk}:{key}",
        payload={
            "execution_id": key,
            "agent_id": str(agent.pk),
            "agent_name": agent.name,
            "status": words[status].value,
            "result": status,
            "outputs": outputs,
            "error_message": error_message,
        },
    )


def _tellings(execution: Execution) -> list[Told]:
    result = _RESULTS[Status(execution.status)]
    told: list[Told] = [
        (execution, completion.AGENT_COMPLETED, completion.topic(execution.agent_id or "", result))
    ]
    if kind := _TYPES.get(result):
        told.append((execution, kind, kind.name))
    return told


def _emit(told: Sequence[Told]) -> int:
    heard = _listeners({(execution.workspace_id, topic) for execution, _, topic in told})
    told = [one for one in told if (one[0].workspace_id, one[2]) in heard]
    if not told:
        return 0
    _load_events([execution for execution, _, _ in told])
    drafts = [
        events.Draft(
            kind,
            execution.workspace_id,
            _payload(execution, kind),
            topic=topic,
            subject=execution.event.subject,
            cause=cause_of(execution),
        )
        for execution, kind, topic in told
        if kind is completion.AGENT_COMPLETED
        or not _watched(execution, heard[execution.workspace_id, topic])
    ]
    return len(events.emit_many(drafts))


def _listeners(topics: set[tuple[uuid.UUID, str]]) -> dict[tuple[uuid.UUID, str], set[str]]:
    """Who listens to each, as ids; whoever listens to everything is no reason to tell."""
    if not topics:
        return {}
    by_name: dict[tuple[uuid.UUID, str], set[str]] = defaultdict(set)
    rows = Trigger.objects.listening_for(topics).exclude(topic="*").order_by()
    for workspace_id, name, pk in rows.values_list("workspace_id", "topic", "pk"):
        by_name[workspace_id, name].add(str(pk))
    heard = {
        (workspace_id, topic): set().union(
            *(by_name.get((workspace_id, name), set()) for name in heard_by(topic))
        )
        for workspace_id, topic in topics
    }
    return {at: ids for at, ids in heard.items() if ids}


def _watched(execution: Execution, watchers: set[str]) -> bool:
    """Whether one of those who watch led to this run."""
    return not watchers.isdisjoint([*execution.event.chain, str(execution.listener_id)])


def _load_events(executions: Sequence[Execution]) -> None:
    missing = [one for one in executions if not Execution.event.is_cached(one)]
    found = Event.objects.in_bulk({one.event_id for one in missing}) if missing else {}
    for execution in missing:
        execution.event = found[execution.event_id]


def _payload(execution: Execution, kind: EventType) -> dict[str, Any]:
    trigger_id = execution.trigger_id
    run = {
        "execution_id": str(execution.pk),
        "agent_id": str(execution.agent_id),
        "agent_name": execution.agent_name,
        "trigger_id": str(trigger_id) if trigger_id else None,
        "trigger_name": execution.trigger_name,
        "trigger_type": execution.trigger_type,
        "status": execution.status,
        "attempt": execution.attempt,
        "started_at": _at(execution.started_at),
    }
    before = execution.event.payload
    about = {name: before[name] for name in completion.ABOUT if isinstance(before.get(name), dict)}
    if kind is completion.STARTED:
        return run | about
    output = execution.output
    return (
        run
        | {
            "result": _RESULTS[Status(execution.status)],
            "outputs": output if isinstance(output, dict) else None,
            "error_message": execution.error_message,
            "finished_at": _at(execution.finished_at),
            "duration_ms": execution.duration_ms,
        }
        | about
    )


def _at(moment: Any) -> str | None:
    return json.timestamp(moment) if moment else None
