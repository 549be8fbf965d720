"""Sharing free places out: pure, so that tests can reach every case.

Agents take turns, one row each per round, the least recently served first; inside an agent the
queue's order holds, except that a trigger without room does not hold up the agent's other triggers.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from executions.gates import ClaimGate, Key, Ready, Room
from executions.places import Shares


@dataclass(slots=True)
class Rooms:
    """What one claim gate measured, counted down as rows are chosen."""

    gate: ClaimGate
    rooms: Mapping[Key, Room]
    taken: dict[Key, int] = field(default_factory=dict)

    def full(self, key: Key) -> Room | None:
        """The room that has no place left under this key; None where there is one."""
        room = self.rooms.get(key)
        return room if room is not None and room.places <= self.taken.get(key, 0) else None

    def take(self, key: Key) -> None:
        if key in self.rooms:
            self.taken[key] = self.taken.get(key, 0) + 1


@dataclass(slots=True)
class Block:
    """Why rows of an agent stay: `free_at` the earliest moment that could change it, None when a
    run has to finish first. `refused`: rows for which there will be no room at all, by gate.
    """

    free_at: dt.datetime | None = None
    gates: set[str] = field(default_factory=set)
    refused: dict[str, list[Ready]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)  # of these, by gate
    is_whole: bool = False  # the agent itself has no room
    triggers: set[uuid.UUID] = field(default_factory=set)  # which have none

    def add(self, row: Ready, gate: str, key: Key, room: Room) -> None:
        self.gates.add(gate)
        if room.reason:
            self.refused.setdefault(gate, []).append(row)
            self.reasons[gate] = str(room.reason)
        elif key[0] == "agent":
            self.is_whole = True
        else:
            self.triggers.add(key[1])
        if room.free_at and (self.free_at is None or room.free_at < self.free_at):
            self.free_at = room.free_at


@dataclass(slots=True)
class Share:
    """`chosen` in the order of choosing; `blocked` by agent; `left` agents that have more rows that could start now."""

    chosen: list[Ready] = field(default_factory=list)
    blocked: dict[uuid.UUID, Block] = field(default_factory=dict)
    left: set[uuid.UUID] = field(default_factory=set)

    def blocked_by(self, gate: str) -> set[uuid.UUID]:
        """Agents of which rows stay because of this gate."""
        return {agent_id for agent_id, block in self.blocked.items() if gate in block.gates}


def share_out(
    ready: Iterable[Ready],
    *,
    turns: Sequence[uuid.UUID],
    measured: Sequence[Rooms],
    places: int,
    shares: Shares | None = None,
) -> Share:
    """`ready` in the queue's order; `turns`: agent ids, least recently served first; `measured`: in
    the gates' order; `shares`: how many of one agent, any number without it.
    """
    queues: dict[uuid.UUID, deque[Ready]] = {agent_id: deque() for agent_id in turns}
    for row in ready:
        queues[row.agent_id].append(row)
    share = Share()
    waiting = [agent_id for agent_id in turns if queues[agent_id]]
    while waiting and len(share.chosen) < places:
        served = []
        for agent_id in waiting:
            if len(share.chosen) >= places:
                served.append(agent_id)
            elif shares is not None and not shares.allows(agent_id):
                share.left.add(agent_id)
            elif _serve(queues[agent_id], measured, share):
                served.append(agent_id)
                if shares is not None:
                    shares.take(agent_id)
        waiting = [agent_id for agent_id in served if queues[agent_id]]
    share.left |= {agent_id for agent_id in waiting if queues[agent_id]}
    return share


def _serve(queue: deque[Ready], measured: Sequence[Rooms], share: Share) -> bool:
    """Takes the agent's next row that has room everywhere; false where none has."""
    while queue:
        row = queue.popleft()
        stop = _stop(row, measured)
        if stop is None:
            for rooms in measured:
                if rooms.gate.counts(row):
                    rooms.take(("agent", row.agent_id))
                    rooms.take(("trigger", row.trigger_id))
            share.chosen.append(row)
            return True
        share.blocked.setdefault(row.agent_id, Block()).add(row, *stop)
    return False


def _stop(row: Ready, measured: Sequence[Rooms]) -> tuple[str, Key, Room] | None:
    for rooms in measured:
        if not rooms.gate.counts(row):
            continue
        keys: tuple[Key, ...] = (("agent", row.agent_id), ("trigger", row.trigger_id))
        for key in keys:
            if room := rooms.full(key):
                return rooms.gate.name, key, room
    return None
