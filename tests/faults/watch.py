"""Looks at an installation every few seconds: the memory of its processes, its connections to PostgreSQL.

Memory is what a process and its children hold (RSS): their share of what is common to all (PSS) would change with every
other process that ends. A process that was killed begins anew, so only within a life can be seen whether it grows.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psycopg

from tests.faults.processes import Process

# To PostgreSQL, of each kind: docs/deployment.md says so, and to add 10 for everybody else.
CONNECTIONS = {"web": 10, "worker": 3, "alone": 3, "agents": 10, "beat": 1, "listener": 2}
_PAGE = os.sysconf("SC_PAGE_SIZE")
_COUNT = """SELECT count(*) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"""


@dataclass
class Life:
    """Of one process from its start to its end: (seconds since its first look, MiB)."""

    kind: str
    since: float
    looks: list[tuple[float, float]] = field(default_factory=list)

    def growth(self, *, warm: float, stretch: float) -> float | None:
        """Its memory in its last `stretch`, times that in the one after `warm` seconds; None: it was too short."""
        end = self.looks[-1][0]
        if end < warm + 2 * stretch:
            return None
        first = [mib for age, mib in self.looks if warm <= age <= warm + stretch]
        last = [mib for age, mib in self.looks if age >= end - stretch]
        return statistics.median(last) / statistics.median(first)

    def rise(self, *, since: float, stretch: float) -> tuple[float, float] | None:
        """The most MiB from the moment `since` (the monotonic clock) on, and the median of the `stretch` before it.

        None: it did not live then.
        """
        at = since - self.since
        base = [mib for age, mib in self.looks if at - stretch <= age <= at]
        later = [mib for age, mib in self.looks if age > at]
        return (max(later), statistics.median(base)) if base and later else None


class Watch:
    """Looks from a thread of its own, inside its `with`. `connections`: the most that there were at one look."""

    def __init__(self, processes: Sequence[Process], database: str, *, every: float) -> None:
        self.connections = 0
        self.lives: list[Life] = []
        self.processes, self._database, self._every = processes, database, every
        self._living: dict[int, Life] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def growth(self, *, warm: float, stretch: float) -> dict[str, float]:
        """By kind, of the life that grew most; kinds of which none lived long enough are not in it."""
        found: dict[str, list[float]] = defaultdict(list)
        for life in self.lives:
            grown = life.growth(warm=warm, stretch=stretch)
            if grown is not None:
                found[life.kind].append(grown)
        return {kind: max(times) for kind, times in sorted(found.items())}

    def most(self, *, since: float, stretch: float) -> dict[str, float]:
        """By kind, the most that a process had from the moment `since` on, times its median in the `stretch` before."""
        return self._rises(lambda most, base: most / base, since=since, stretch=stretch)

    def added(self, *, since: float, stretch: float) -> dict[str, float]:
        """The same in MiB that came to it."""
        return self._rises(lambda most, base: most - base, since=since, stretch=stretch)

    def _rises(
        self, of: Callable[[float, float], float], *, since: float, stretch: float
    ) -> dict[str, float]:
        rises = [(life.kind, life.rise(since=since, stretch=stretch)) for life in self.lives]
        found: dict[str, list[float]] = defaultdict(list)
        for kind, rise in rises:
            if rise is not None:
                found[kind].append(of(*rise))
        return {kind: max(several) for kind, several in sorted(found.items())}

    def _look_on(self) -> None:
        while not self._over.wait(self._every):
            for process in self.processes:
                self._look_at(process)
            self.connections = max(self.connections, self._connections())

    def _look_at(self, process: Process) -> None:
        pid, now = process.pid, time.monotonic()
        held = sum(_memory(one) for one in _family(pid))
        if not held:
            return
        life = self._living.get(pid)
        if life is None:
            life = self._living[pid] = Life(process.kind, now)
            self.lives.append(life)
        life.looks.append((now - life.since, held))

    def _connections(self) -> int:
        """0 while there is no server."""
        try:
            with psycopg.connect(self._database, connect_timeout=2) as connection:
                row = connection.execute(_COUNT).fetchone()
        except psycopg.OperationalError:
            return 0
        return int(row[0]) if row else 0


def _family(pid: int) -> Iterator[int]:
    """The process, its children, theirs."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from _family(int(child))


def _memory(pid: int) -> float:
    """MiB; 0 where it has gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * _PAGE / 2**20
