"""Rows that wait for a model to judge their conditions: taken in batches, agents in turn, and read with all that a
question needs.

A batch is six statements, however many rows: who has some (a second look where the turn begins anew), the taking,
the rows, their triggers, what was asked before, the time. No agent takes more than three quarters of the places:
a flood of one leaves some for the next.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents import sealing
from agents.models import Agent
from config.lib import clock
from executions import opinions, skipping, statements
from executions.gates import Ready, agent_status, max_age
from executions.models import AgentGate, Execution, Judgement, Reason
from triggers import conditions, sources
from triggers.conditions import Condition
from triggers.facts import facts, judged
from triggers.models import Trigger, TriggerStatus

LOOK = 200  # agents that one look finds at most
_FIRST = uuid.UUID(int=0)


@dataclass(slots=True)
class Turn:
    """Behind which agent the next look goes on. Each process has its own."""

    after: uuid.UUID = _FIRST


@dataclass(frozen=True, slots=True)
class Work:
    """One row to judge. `listener`: the trigger whose conditions they are. `problem`: why they cannot be read."""

    execution: Execution
    agent: Agent
    listener: Trigger
    judgement: Judgement
    condition: Condition | None
    facts: dict[str, Any]
    secrets: tuple[str, ...]
    known: dict[str, opinions.Asked] = field(default_factory=dict)
    problem: str = ""


def take(
    *, lease: uuid.UUID, places: int, turn: Turn, held: Mapping[uuid.UUID, int], most: int
) -> list[uuid.UUID]:
    """At most `places` rows, under `lease` from now on. `held`: what each agent has under it already; `most` of one."""
    if places <= 0:
        return []
    found = _look(turn.after, places)
    if turn.after != _FIRST and len(found) < LOOK:
        found |= _look(_FIRST, places)
    chosen, last = _share_out(found, places=places, held=held, most=most)
    turn.after = last or (_FIRST if len(found) < LOOK else next(reversed(found)))
    if not chosen:
        return []
    rows = statements.run("take_judgeable", {"ids": chosen, "lease": lease})
    return [pk for (pk,) in rows]


def _look(after: uuid.UUID, places: int) -> dict[uuid.UUID, list[uuid.UUID]]:
    """The first rows of each of the next agents, in their order."""
    found: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    asked = {"after": after, "look": LOOK, "each": places}
    for agent_id, pk in statements.run("select_judgeable", asked):
        ids = found[agent_id]
        if pk is not None:
            ids.append(pk)
    return dict(found)


def _share_out(
    found: Mapping[uuid.UUID, list[uuid.UUID]],
    *,
    places: int,
    held: Mapping[uuid.UUID, int],
    most: int,
) -> tuple[list[uuid.UUID], uuid.UUID | None]:
    """Agents take turns, one row each; answers the rows, and who got the last one."""
    queues = {agent_id: iter(ids) for agent_id, ids in found.items()}
    taken = Counter(dict(held))
    chosen: list[uuid.UUID] = []
    last = None
    while queues and len(chosen) < places:
        for agent_id in list(queues):
            pk = next(queues[agent_id], None) if taken[agent_id] < most else None
            if pk is None:
                del queues[agent_id]
            elif len(chosen) < places:
                taken[agent_id] += 1
                chosen.append(pk)
                last = agent_id
    return chosen, last


def load(ids: Iterable[uuid.UUID], *, lease: uuid.UUID) -> list[Work]:
    """What is to be asked about rows that are still held; those that shall not run any more are skipped."""
    mine = Execution.objects.judged_under(lease).filter(pk__in=list(ids))
    rows = list(
        mine.select_related("event", "agent__workspace", "agent__gate").order_by("position")
    )
    listeners = Trigger.objects.defer("sealed").in_bulk({row.listener_id for row in rows})
    judgements = Judgement.objects.in_bulk([row.pk for row in rows])
    works, now = [], clock.now()
    for row in rows:
        listener = listeners.get(row.listener_id)
        refused = _refusal(row, listener, now)
        if refused is None and listener is not None:
            works.append(_work(row, listener, judgements.get(row.pk)))
        elif refused is not None:
            skipping.skip([row.pk], reason=refused[0], now=now, note=refused[1])
    return works


def watch(lease: uuid.UUID, *, beat: bool) -> set[uuid.UUID]:
    """The rows that this lease still holds."""
    if beat:
        Execution.objects.beat_of_judge(lease)
    return set(Execution.objects.judged_under(lease).values_list("pk", flat=True))


def _refusal(
    row: Execution, listener: Trigger | None, now: dt.datetime
) -> tuple[Reason, str] | None:
    """Why it shall not run any more, whatever a model says; and more about it."""
    agent = row.agent
    if agent is None:
        return Reason.AGENT_NOT_LIVE, ""
    gate: AgentGate | None = getattr(agent, "gate", None)
    if reason := agent_status.reason_not_to_run(agent.status, gate=gate, is_test=row.is_test):
        return reason, ""
    if listener is None:
        return Reason.TRIGGER_DISABLED, ""
    return None if row.is_test else _refusal_of_listener(row, listener, now)


def _refusal_of_listener(
    row: Execution, listener: Trigger, now: dt.datetime
) -> tuple[Reason, str] | None:
    if said := sources.why_off(listener.trigger_type, listener.config):
        return Reason.TRIGGER_DISABLED, said
    if listener.status == TriggerStatus.ERROR:
        return Reason.TRIGGER_ERROR, ""
    if listener.status != TriggerStatus.ACTIVE:
        return Reason.TRIGGER_DISABLED, ""
    return (Reason.EXPIRED, "") if max_age.is_expired(_ready(row), listener, now) else None


def _ready(row: Execution) -> Ready:
    assert row.agent_id is not None
    return Ready(
        row.pk,
        row.agent_id,
        row.listener_id,
        row.position,
        row.attempt,
        row.resumes,
        row.is_test,
        row.created_at,
    )


def _work(row: Execution, listener: Trigger, judgement: Judgement | None) -> Work:
    assert row.agent is not None
    judgement = judgement or Judgement(execution_id=row.pk)
    condition, problem = None, ""
    secrets: tuple[str, ...] = ()
    try:
        condition = conditions.parse(listener.conditions or {})
        _, secrets = sealing.opened(row.agent.steps, sealed=row.agent.sealed)
    except conditions.InvalidConditions as error:
        problem = str(error)
    except sealing.Locked as error:
        problem = f"The agent's secrets cannot be read: {error}"
    return Work(
        row,
        row.agent,
        listener,
        judgement,
        condition,
        judged(
            facts(row.event.payload, source=row.event.source),
            source=row.event.source,
            verified=row.event.verified,
        ),
        secrets,
        {one.path: one for one in opinions.restored(judgement.asked)},
        problem,
    )
