"""What may stop or delay a launch, one file each, asked in one fixed order (the order of the README's table).

Two kinds. A *dispatch gate* looks at one event and one trigger: `refuse(candidate) -> Refusal |
None`; the first refusal is written down as a skipped execution. A *claim gate* says how much room
is left before anything starts: `free(asked) -> {key: Room}`, one query per gate and batch.

Each file registers its gate with its `place` in the order, and a new one takes a place between two others:

    10 trigger active    20 loop guard       30 rule conditions   40 agent status   50 cooldown   60 overlap
    (queued)             110 daily limit     120 unsigned share   130 minute window
                         140 hourly window   150 concurrency    160 budget
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from config.lib.registry import DuplicateName, Registry
from executions.models import AgentGate, Reason, TriggerGate
from executions.models.reason import OwnReason, own_reasons
from triggers.facts import facts, judged
from triggers.models import Event, Trigger


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why this event does not run this trigger's agent: one of `Reason`, or of a gate's own `gates.reason`."""

    reason: Reason | str
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

    def add(self, event: Event, trigger: Trigger, *, is_pending: bool = False) -> None:
        if not is_pending:  # may yet turn out not to be a run
            self.busy.add(trigger.pk)
        self.of_root[event.root_id] += 1
        if event.subject:
            self.of_subject[trigger.pk, event.subject].append(event.recorded_at)


@dataclass(slots=True)
class Candidate:
    """One event at one listening trigger. `trace` collects what the gates saw; `gate` is locked and
    holds the batch's own changes. `needs_model`: the rules leave it to a model; what an accepted event uses up is then
    asked for when the model has said yes.
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
    needs_model: bool = False
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

    @property
    def judged(self) -> dict[str, Any]:
        """What its conditions see."""
        return judged(self.facts, source=self.event.source, verified=self.event.verified)


MAX_REASON = 30  # letters; the ledger's column
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
    reason: Reason | str | None = None


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


def starts(row: Ready) -> bool:
    """First starts, retries and replays: going on after a wait, a graceful stop or a lost lease only needs a place."""
    return not row.resumes


def begins(row: Ready) -> bool:
    """The very first start of an execution."""
    return row.attempt == 0 and not row.resumes


@dataclass(frozen=True, slots=True)
class ClaimGate:
    """`free(asked)` counts the room; `counts(ready)` says whether starting this row takes a place of it.

    `says(room)` tells a person why a run waits, for gates that `executions.waiting` has no words for.
    """

    name: str
    free: Callable[[Asked], dict[Key, Room]]
    counts: Callable[[Ready], bool]
    says: Callable[[Room], str] | None = None


dispatching: Registry[tuple[int, DispatchGate]] = Registry("dispatch gates")
claiming: Registry[tuple[int, ClaimGate]] = Registry("claim gates")
_dispatch_gates: tuple[DispatchGate, ...] = ()
_claim_gates: tuple[ClaimGate, ...] = ()


def dispatch(name: str, *, place: int) -> Callable[[DispatchGate], DispatchGate]:
    """Registers a `refuse(candidate)`."""

    def add(refuse: DispatchGate) -> DispatchGate:
        global _dispatch_gates  # noqa: PLW0603 - put in order once, not at each event
        dispatching.register(name, (place, refuse))
        _dispatch_gates = tuple(gate for _, _, gate in _in_order(dispatching))
        return refuse

    return add


def claim(
    name: str,
    *,
    place: int,
    counts: Callable[[Ready], bool] = starts,
    says: Callable[[Room], str] | None = None,
) -> Callable[[Callable[[Asked], dict[Key, Room]]], Callable[[Asked], dict[Key, Room]]]:
    """Registers a `free(asked)`; the other keywords are ClaimGate's."""

    def add(free: Callable[[Asked], dict[Key, Room]]) -> Callable[[Asked], dict[Key, Room]]:
        global _claim_gates  # noqa: PLW0603 - put in order once, not at each claim
        claiming.register(name, (place, ClaimGate(name, free, counts, says)))
        _claim_gates = tuple(gate for _, _, gate in _in_order(claiming))
        return free

    return add


def reason(name: str, *, label: str, sentence: str) -> str:
    """A reason of a gate's own, for its refusals. `label` as in lists; `sentence` as on the page of a skipped run.

    Raises ValueError where the name is too long for its column, and DuplicateName where it is one of ours.
    """
    if not 0 < len(name) <= MAX_REASON:
        raise ValueError(f"not the name of a reason: {name!r}")
    if name in Reason.values:
        raise DuplicateName(f"reason {name!r} is one of Triggerfish's own")
    own_reasons.register(name, OwnReason(name, label, sentence))
    return name


G = TypeVar("G")


def _in_order(known: Registry[tuple[int, G]]) -> list[tuple[int, str, G]]:
    """(place, name, gate); gates that share a place are asked in the order of their names."""
    found = [(known.get(name)[0], name, known.get(name)[1]) for name in known]
    return sorted(found, key=lambda one: one[:2])


def order(known: Registry[tuple[int, Any]]) -> list[str]:
    """Names in the order of asking."""
    return [name for _, name, _ in _in_order(known)]


def dispatch_gates() -> tuple[DispatchGate, ...]:
    """In their order."""
    return _dispatch_gates


def claim_gates() -> tuple[ClaimGate, ...]:
    """In their order. A paused workspace is left out of the asking query."""
    return _claim_gates
