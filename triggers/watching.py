"""What a source and the listener agree on: a source's `watcher` runs for as long as its trigger is to be watched.

    class Ticks(Watcher):
        async def watch(self, door: Door) -> None:
            async with peer() as messages:
                await door.works()
                async for message in messages:
                    await door.store([Received(payload=..., key=message.id)])
                    await message.ack()

It is cancelled when it is to stop, and started again with a growing pause after whatever it raises.
"""

from __future__ import annotations

import datetime as dt
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from triggers.models import Trigger

Payload = dict[str, Any]
State = dict[str, Any]


class SourceFailed(Exception):
    """The source cannot be watched now; the message is for the people who configured it, without secrets."""


class SourceBroken(SourceFailed):
    """Trying again will not help until somebody changes something: the trigger goes into error at once."""


@dataclass(frozen=True, slots=True)
class Received:
    """One event to be. The same `key` at one trigger is recorded once; empty where the peer has none.

    `sent_at`: when the peer says that it happened, for the lag.
    """

    payload: Payload
    type: str
    key: str = ""
    sent_at: dt.datetime | None = None
    topic: str = ""  # the trigger's own by default
    subject: str = ""


class Door(Protocol):
    """What the listener gives a watcher."""

    trigger: Trigger
    config: dict[str, Any]  # with its secrets

    @property
    def state(self) -> State:
        """What was stored with the last events."""

    async def works(self) -> None:
        """The peer answers: failures and notes are forgotten, an error that they had led to is taken back."""

    async def note(self, text: str) -> None:
        """It works, but not as it should: for whoever runs the installation. Empty takes it back."""

    async def store(
        self,
        received: Sequence[Received],
        *,
        state: State | None = None,
        also: Callable[[], None] | None = None,
    ) -> list[uuid.UUID]:
        """Records the events, and the state, in one transaction; answers when it has committed: the events' ids.

        `also` writes the source's own rows in the same transaction.

        Raises `leases.LeaseLost` where somebody else watches this source by now, and whatever a message is at fault
        for.
        """

    async def ended(self, events: Sequence[uuid.UUID]) -> None:
        """Waits until all that these events started has ended."""

    async def bury(
        self, key: str, error: str, *, body: bytes, headers: Payload, at_once: bool
    ) -> bool:
        """Counts a failed try of one message; whether it is given up now, as a dead letter."""

    async def waiting(self, count: int | None) -> None:
        """How much waits at the peer, where it says; for the page of the trigger."""


class Watcher(ABC):
    """One source, being watched."""

    @abstractmethod
    async def watch(self, door: Door) -> None:
        """Runs until it is cancelled; returning counts as failing. Raises SourceFailed with words for a person."""
