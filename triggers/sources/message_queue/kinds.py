"""What every kind of queue is made of. One file per kind; each registers itself here."""

from __future__ import annotations

import datetime as dt
import importlib
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from config.lib.registry import Registry
from triggers.sources.message_queue.address import Address
from triggers.watching import SourceBroken, State

WAIT_SECONDS = 5.0  # how long a kind waits for a first message before it answers none
REQUIREMENTS = "requirements-queues.txt"


@dataclass(frozen=True, slots=True)
class Message:
    """`id`: the peer's own, empty where it has none. `handle`: what the kind acknowledges with."""

    body: bytes | dict[str, Any]
    id: str = ""
    headers: dict[str, Any] = field(default_factory=dict)
    sent_at: dt.datetime | None = None
    content_type: str = ""
    handle: Any = None
    more: dict[str, Any] = field(default_factory=dict)  # such as the partition
    stamp: str = ""  # tells messages of the same id apart, where a peer may begin to count anew


class Queue(ABC):
    """One queue at its peer, open. Whatever goes wrong is raised; the listener opens it again."""

    note = ""  # what it found when it was opened, for whoever runs the installation

    def __init__(
        self, config: dict[str, Any], address: Address, *, name: str, state: State
    ) -> None:
        """`name`: of this consumer, the same at each start. `state`: what was stored with the last events."""
        self.config = config
        self.address = address
        self.name = name
        self.state = state

    @abstractmethod
    async def open(self) -> None:
        """Connects, and takes up what an earlier consumer of this name had not acknowledged."""

    def begun(self) -> State:
        """What is stored as soon as it is open, for the next start: where it began to read."""
        return {}

    @abstractmethod
    async def take(self, most: int, *, wait: float) -> list[Message]:
        """Up to so many messages, in their order; none where none came in so many seconds."""

    def state_after(self, messages: Sequence[Message]) -> State:
        """What is stored in the transaction of these messages' events."""
        return {}

    @abstractmethod
    async def acknowledge(self, messages: Sequence[Message]) -> None:
        """The peer may forget them: the oldest ones taken, after they were stored."""

    async def depth(self) -> int | None:
        """How many wait at the peer, where it says."""
        return None

    @abstractmethod
    async def close(self) -> None:
        """Lets the peer go, whatever state it is in."""


def moment(milliseconds: int) -> dt.datetime | None:
    """None where it is no time that there is: senders write what they like."""
    try:
        return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None


@dataclass(frozen=True, slots=True)
class Kind:
    """`schemes` and `port`: what its addresses look like. `module`: the client library, which may not be there."""

    name: str
    label: str
    queue: type[Queue]
    schemes: tuple[str, ...]
    port: int
    example: str
    module: str = ""
    warning: str = ""


registry: Registry[Kind] = Registry("kinds of queues")


def client(module: str) -> ModuleType:
    """The client library. Raises SourceBroken that names what to install."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise SourceBroken(
            f"The library {module!r} is not installed on this server; `pip install -r {REQUIREMENTS}` brings it."
        ) from None


def is_installed(module: str) -> bool:
    try:
        return not module or importlib.util.find_spec(module) is not None
    except ImportError:
        return False
