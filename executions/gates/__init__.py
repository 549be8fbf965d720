"""What may stop or delay a launch, one file each, asked in one fixed order (the order of the README's table).

Two kinds. A *dispatch gate* looks at one event and one trigger: `refuse(candidate) -> Refusal |
None`; the first refusal is written down as a skipped execution. A *claim gate* says how much room
is left before anything starts: `free(asked) -> {key: Room}`, one query per gate and batch.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from executions.models import AgentGate, Reason, TriggerGate
from triggers.facts import facts
from triggers.models import Event, Trigger


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why this event does not run this trigger's agent."""

    reason: Reason
    note: str = ""


@dataclass(slots=True)
class Runs:
    """How many runs a root has, and the recording times of the events that a trigger lately ran for about one subject;
    those of the present batch included; read by `loop_guard.count`. `busy`: of the triggers that ask, those
    with a run that has not ended, read by `overlap.busy`.
    """

    of_root: Counter[uuid.UUID] = field(default_factory=Counter)
    of_subject: defaultdict[tuple[uuid.UUID, str], list[dt.datetime]] = field(
        default_factory=lambda: defaultdict(list)
    )

    busy: set[uuid.UUID] = field(default_factory=set)

    def add(self, event: Event, trigger: Trigger) -> None:
        self.busy.add(trigger.pk)
        self.of_root[event.root_id] += 1
        if event.subject:
            self.of_subject[trigger.pk, event.subject].append(event.recorded_at)


@dataclass(slots=True)
class Candidate:
    """One event at one listening trigger. `trace` collects what the gates saw; `gate` is locked and
    holds the batch's own changes.
    """

    event: Event
    trigger: Trigger
    gate: TriggerGate
    agent_gate: AgentGate
    now: dt.datetime
    is_test: bool = False
    is_replay: bool = False
    runs: Runs | None = None
    trace: list[dict[str, Any]] = field(default_factory=list)
    _facts: dict[str, Any] | None = None

    @property
    def asks_at(self) -> dt.datetime:
        """The moment that a cooldown counts from and to: an event's recording; a replay asks now."""
        return self.now if self.is_replay else self.event.recorded_at

    @property
    def facts(self) -> dict[str, Any]:
        if self._facts is None:
            self._facts = facts(self.event.payload, source=self.event.source)
        return self._facts


DispatchGate = Callable[[Candidate], Refusal | None]

Key = tuple[str, uuid.UUID]  # ("agent" | "trigger", id)


@dataclass(frozen=True, slots=True)
class Room:
    """How many more may start. Without places: `free_at` says when there will be some, None that a
    run has to finish first; with a `reason` there will be none at all, and what is queued is
    skipped.
    """

    places: int
    free_at: dt.datetime | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """A queued row that could start now."""

    id: uuid.UUID
    agent_id: uuid.UUID
    trigger_id: uuid.UUID
    position: int
    attempt: int
    resumes: bool
    is_test: bool
    created_at: dt.datetime
    is_unsigned: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """Who wants to start: the locked gates (with agent and workspace loaded) and the triggers of what is ready."""

    gates: list[AgentGate]
    triggers: list[Trigger]
    now: dt.datetime

    def agent_limits(self, name: str) -> dict[uuid.UUID, int]:
        """The agents that have a limit of this name."""
        limits = {gate.agent_id: gate.agent.limit(name) for gate in self.gates}
        return {agent_id: limit for agent_id, limit in limits.items() if limit is not None}


@dataclass(frozen=True, slots=True)
class ClaimGate:
    """`free(asked)` counts the room; `counts(ready)` says whether starting this row takes a place of it."""

    name: str
    free: Callable[[Asked], dict[Key, Room]]
    counts: Callable[[Ready], bool]


def dispatch_gates() -> tuple[DispatchGate, ...]:
    """Trigger active, loop guard, rule conditions, agent status, cooldown, overlap."""
    from executions.gates import (
        agent_status,
        cooldown,
        loop_guard,
        overlap,
        rule_conditions,
        trigger_active,
    )

    return (
        trigger_active.refuse,
        loop_guard.refuse,
        rule_conditions.refuse,
        agent_status.refuse,
        cooldown.refuse,
        overlap.refuse,
    )


def claim_gates() -> tuple[ClaimGate, ...]:
    """Daily limit, its share for unsigned senders, per-minute and hourly windows, concurrency.

    A paused workspace is left out of the asking query. The day counts an execution once; the windows count first
    starts, retries and replays; going on after a wait, a graceful stop or a lost lease only needs a place to run.
    """
    from executions.gates import (
        concurrency,
        daily_limit,
        hourly_window,
        minute_window,
        unsigned_share,
    )

    def starts(row: Ready) -> bool:
        return not row.resumes

    def begins(row: Ready) -> bool:
        return row.attempt == 0 and not row.resumes

    return (
        ClaimGate("daily_limit", daily_limit.free, begins),
        ClaimGate(
            unsigned_share.NAME, unsigned_share.free, lambda row: row.is_unsigned and begins(row)
        ),
        ClaimGate("minute_window", minute_window.free, starts),
        ClaimGate("hourly_window", hourly_window.free, starts),
        ClaimGate("concurrency", concurrency.free, lambda _row: True),
    )
