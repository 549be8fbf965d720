"""What may happen to an installation, one thing at a time and in any order."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from tests.faults.ground import Ground
from tests.faults.link import Link
from tests.faults.processes import Process

Mishap = Callable[[], object]
_KILLED = ("web", "worker", "agents", "alone", "beat", "listener")
_STOPPED = ("web", "worker", "agents", "listener")
_HUNG = ("worker", "agents", "alone", "beat")


class Deck:
    """All of them in an order of its own, then all of them again: what is rare comes too.

    `processes` by kind; `wire` leads some of them to the database; `seconds`: how long things stay as bad as they are.
    """

    def __init__(
        self,
        ground: Ground,
        processes: Mapping[str, list[Process]],
        wire: Link,
        *,
        seconds: float,
        chance: random.Random,
    ) -> None:
        self._ground, self._processes, self._wire = ground, processes, wire
        self._seconds, self._chance = seconds, chance

    def __iter__(self) -> Iterator[tuple[str, Mishap]]:
        while True:
            cards = list(self._all().items())
            self._chance.shuffle(cards)
            yield from cards

    def _all(self) -> dict[str, Mishap]:
        return {
            **{f"{kind} is killed": partial(self._kill, kind) for kind in _KILLED},
            **{f"{kind} is stopped": partial(self._stop, kind) for kind in _STOPPED},
            **{f"{kind} hangs": partial(self._hang, kind) for kind in _HUNG},
            "Redis is wiped": self._ground.wipe_redis,
            "Redis is killed": self._kill_redis,
            "Redis hangs": lambda: self._ground.pause_redis(self._seconds),
            "PostgreSQL crashes": self._ground.restart_database,
            "PostgreSQL ends all connections": self._ground.terminate_connections,
            "the network is cut": partial(self._cut, self._wire.cut),
            "the network carries nothing": partial(self._cut, self._wire.hold),
        }

    def _one(self, kind: str) -> Process:
        return self._chance.choice(self._processes[kind])

    def _kill(self, kind: str) -> None:
        self._one(kind).kill()

    def _stop(self, kind: str) -> None:
        self._one(kind).stop()

    def _hang(self, kind: str) -> None:
        process = self._one(kind)
        process.hang()
        time.sleep(self._seconds)
        process.go_on()

    def _kill_redis(self) -> None:
        self._ground.kill_redis()
        time.sleep(self._seconds)
        self._ground.start_redis()

    def _cut(self, how: Callable[[], None]) -> None:
        how()
        time.sleep(self._seconds)
        self._wire.join()
