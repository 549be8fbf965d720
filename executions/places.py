"""The places of one agents process: how many runs may begin now, and how many of one agent.

Runs mostly wait for others, so there are many places. Three rules keep one from being in the other's way: of runs that
have just begun, and so want the processor, there is a bounded number at a time; no agent takes more than half of what
the others leave, so that slow runs of one agent, however many, never fill the process; and agents that ask language
models take no more than four fifths together, since one slow provider makes them all slow at once.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from dataclasses import dataclass, field

YOUNG = 100  # runs that have just begun, side by side
YOUNG_SECONDS = 0.25
THINKING = 0.8  # of all places: what agents that ask language models have together


@dataclass(slots=True)
class Shares:
    """What one claim may take: `free` in all, and of one agent while it `allows` it. Agents that take turns so come to
    have equal shares and leave one more of that size to whoever comes next.

    `thinking`: places of agents that ask language models; `thinkers`: which of those that want places now do.
    """

    slots: int
    free: int
    held: Counter[uuid.UUID] = field(default_factory=Counter)  # by agent
    thinking: int = 0
    thinkers: set[uuid.UUID] = field(default_factory=set)

    @property
    def is_all_thought(self) -> bool:
        """Whether agents that ask language models get no more now."""
        return self.thinking >= most_thinking(self.slots)

    def allows(self, agent_id: uuid.UUID) -> bool:
        """Whether the agent may have one more."""
        if agent_id in self.thinkers and self.is_all_thought:
            return False
        own = self.held[agent_id]
        others = self.held.total() - own
        return own < max(1, (self.slots - others) // 2)

    def take(self, agent_id: uuid.UUID) -> None:
        self.held[agent_id] += 1
        self.thinking += agent_id in self.thinkers

    def sated(self) -> list[uuid.UUID]:
        """Agents that get no more here now."""
        return [agent_id for agent_id in list(self.held) if not self.allows(agent_id)]


def most_thinking(slots: int) -> int:
    """How many of so many places agents that ask language models may have together."""
    return max(1, int(slots * THINKING))


class Places:
    """Who sits where. Times are those of the monotonic clock."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._taken: dict[uuid.UUID, tuple[uuid.UUID | None, float]] = {}  # run -> agent, since
        self._thinking: set[uuid.UUID] = set()  # runs whose agents ask language models

    def take(self, run: uuid.UUID, agent_id: uuid.UUID | None, *, asks: bool = False) -> None:
        """`asks`: whether its agent asks a language model. The oldest come first."""
        self._taken[run] = (agent_id, time.monotonic())
        if asks:
            self._thinking.add(run)

    def leave(self, run: uuid.UUID) -> None:
        self._taken.pop(run, None)
        self._thinking.discard(run)

    def shares(self, *, reserved: int = 0) -> Shares:
        """`reserved`: places of runs that are about to begin."""
        free = min(YOUNG - len(self._young()), self.slots - len(self._taken)) - reserved
        held = Counter(agent for agent, _ in self._taken.values() if agent)
        return Shares(self.slots, max(free, 0), held, len(self._thinking))

    def seconds_until_more(self) -> float | None:
        """When more may begin although none ends; None where it is not youth that they wait for."""
        young = self._young()
        if len(young) < YOUNG or len(self._taken) >= self.slots:
            return None
        return max(young[-1] + YOUNG_SECONDS - time.monotonic(), 0.0)

    def _young(self) -> list[float]:
        """Since when, the youngest first."""
        grown = time.monotonic() - YOUNG_SECONDS
        found: list[float] = []
        for _, since in reversed(self._taken.values()):
            if since <= grown:
                break
            found.append(since)
        return found
