"""Which servers must be started here, and starting them: those whose address nobody gave us."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self
from urllib.parse import urlsplit

from config.up import child, postgres, valkey
from config.up.child import Child, Program
from config.up.place import CannotStart, Place


@dataclass(frozen=True)
class Server:
    """A server of ours. `answers()` is cheap and never raises."""

    variable: str
    url: str
    program: Program
    answers: Callable[[], bool]


def missing(place: Place, given: Mapping[str, str], *, careless: bool = False) -> list[Server]:
    """The servers to start, because `given` names none, or those of an earlier start of ours; nothing runs yet.

    `careless` trades safety against a crash of the machine for speed: for tests. Raises CannotStart.
    """
    found = []
    address = postgres.url(place)
    if given.get("DATABASE_URL", "") in ("", address):
        program = postgres.program(place, careless=careless)
        found.append(Server("DATABASE_URL", address, program, partial(postgres.answers, address)))
    address = valkey.url(place)
    if given.get("REDIS_URL", "") in ("", address):
        found.append(
            Server("REDIS_URL", address, valkey.program(place), partial(valkey.answers, address))
        )
    return found


def refuse_silent(given: Mapping[str, str]) -> None:
    """Raises CannotStart for an address that somebody gave us and where nothing answers."""
    for variable, ask in (("DATABASE_URL", postgres.answers), ("REDIS_URL", valkey.answers)):
        address = given.get(variable)
        if address and not ask(address):
            raise CannotStart(
                f"{variable} is set, but no server answers there: {_without_password(address)}"
            )


class Started:
    """Servers started together; leaving the `with` by an exception stops them."""

    def __init__(self, servers: Sequence[Server], *, inherit: Sequence[int] = ()) -> None:
        self.servers = list(servers)
        self.children: list[Child] = []
        self._inherit = inherit

    def __enter__(self) -> Self:
        """They run from here on, but may not answer yet."""
        try:
            for server in self.servers:
                self.children.append(child.start(server.program, inherit=self._inherit))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.stop()

    def wait_until_they_answer(self, *, seconds: float = 60) -> None:
        """Raises CannotStart when one dies first, or stays silent."""
        until = time.monotonic() + seconds
        for server, process in zip(self.servers, self.children, strict=True):
            _wait(server, process, until)

    def stop(self) -> None:
        """Both at once; each is killed when its time is up. Twice is once."""
        pairs = list(zip(self.servers, self.children, strict=False))
        for server, process in pairs:
            child.signal_stop(process, server.program)
        for server, process in pairs:
            child.wait(process, seconds=server.program.stop_seconds)
            child.kill(process)
        self.children.clear()


def _wait(server: Server, process: Child, until: float) -> None:
    while not server.answers():
        if process.poll() is not None:
            said = "\n  ".join(["", *server.program.last_lines()])
            raise CannotStart(
                f"{server.program.name} ended as it was started; {server.program.log} says:{said}"
            )
        if time.monotonic() > until:
            raise CannotStart(f"{server.program.name} does not answer: see {server.program.log}")
        time.sleep(0.02)


def _without_password(address: str) -> str:
    parts = urlsplit(address)
    return address if parts.password is None else address.replace(f":{parts.password}@", ":***@", 1)
