"""Which servers must be started here, and starting them: those whose address nobody gave us."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from config.up import child, postgres, valkey
from config.up.child import Program
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


def start(
    servers: Sequence[Server], *, inherit: Sequence[int] = (), seconds: float = 60
) -> list[subprocess.Popen[bytes]]:
    """Start all, then wait until each answers; on failure none is left running. Raises CannotStart."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        started.extend(child.start(server.program, inherit=inherit) for server in servers)
        for server, process in zip(servers, started, strict=True):
            wait_until_it_answers(server, process, seconds=seconds)
    except BaseException:
        stop(servers[: len(started)], started)
        raise
    return started


def wait_until_it_answers(
    server: Server, process: subprocess.Popen[bytes], *, seconds: float
) -> None:
    """Raises CannotStart when it dies first, or stays silent."""
    until = time.monotonic() + seconds
    while not server.answers():
        if process.poll() is not None:
            said = "\n  ".join(["", *server.program.last_lines()])
            raise CannotStart(
                f"{server.program.name} ended as it was started; {server.program.log} says:{said}"
            )
        if time.monotonic() > until:
            raise CannotStart(
                f"{server.program.name} does not answer after {seconds:.0f} s: see {server.program.log}"
            )
        time.sleep(0.02)


def _without_password(address: str) -> str:
    parts = urlsplit(address)
    return address if parts.password is None else address.replace(f":{parts.password}@", ":***@", 1)


def stop(servers: Sequence[Server], processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Both at once; each is killed when its time is up."""
    pairs = list(zip(servers, processes, strict=True))
    for server, process in pairs:
        child.signal_stop(process, server.program)
    for server, process in pairs:
        child.wait_stopped(process, seconds=server.program.stop_seconds)
