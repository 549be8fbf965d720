"""One program as a child of ours: it dies when we die, and stops when it is told to.

On Linux the kernel sends `orphan_signal` to a child whose parent is gone (`PR_SET_PDEATHSIG`), so that not even
`kill -9` of the supervisor leaves an orphan. The kernel means the thread that started it: start children from the
main thread.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run and how to end it. `identity` is the (uid, gid) to run as, where not our own.

    `niceness`: how far it stands back for others where the machine is busy, as for `nice`.
    """

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    folder: Path = Path("/")
    identity: tuple[int, int] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    orphan_signal: signal.Signals = signal.SIGKILL
    niceness: int = 0

    def last_lines(self, count: int = 12) -> list[str]:
        """The end of its log, for a person."""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 16_384))
            return log.read().decode(errors="replace").splitlines()[-count:]


class Child(Protocol):
    """A running program: what subprocess.Popen and forked.Fork have in common."""

    pid: int

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""


def start(program: Program, *, inherit: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    """Start it in a session of its own, its output appended to its log.

    `inherit` are descriptors that it keeps open. Raises OSError where it cannot be executed.
    """
    user, group = program.identity or (None, None)
    with program.log.open("ab") as log:
        return subprocess.Popen(
            program.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=program.folder,
            env=dict(program.environment),
            start_new_session=True,
            pass_fds=tuple(inherit),
            user=user,
            group=group,
            extra_groups=None if user is None else [],
            preexec_fn=partial(_settle, program, os.getpid()),  # noqa: PLW1509 - one thread only
        )


def _settle(program: Program, parent: int) -> None:
    die_with(parent, program.orphan_signal)
    os.nice(program.niceness)


def die_with(parent: int, number: signal.Signals) -> None:
    """Called in a child: from here on the kernel sends it `number` when `parent` is gone. Nothing on macOS."""
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(number))
    if os.getppid() != parent:  # it went before we had said so
        os._exit(1)


def signal_stop(child: Child, program: Program) -> None:
    """Ask it to stop; the program itself tells its own children."""
    if child.poll() is None:
        with suppress(ProcessLookupError):
            os.kill(child.pid, program.stop_signal)


def wait(child: Child, *, seconds: float) -> bool:
    """False when it still runs after `seconds`."""
    until = time.monotonic() + seconds
    while child.poll() is None:
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def kill(child: Child) -> None:
    """End its whole process group at once: also what it left behind when it ended by itself."""
    with suppress(
        ProcessLookupError, PermissionError
    ):  # macOS answers PermissionError for a group of zombies
        os.killpg(child.pid, signal.SIGKILL)
    wait(child, seconds=5)
