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
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run and how to end it. `identity` is the (uid, gid) to run as, where not our own."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    folder: Path = Path("/")
    identity: tuple[int, int] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    orphan_signal: signal.Signals = signal.SIGKILL

    def last_lines(self, count: int = 12) -> list[str]:
        """The end of its log, for a person."""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 16_384))
            return log.read().decode(errors="replace").splitlines()[-count:]


def start(
    program: Program, *, inherit: Sequence[int] = (), capture: bool = False
) -> subprocess.Popen[bytes]:
    """Start it in a session of its own, its output appended to its log.

    `inherit` are descriptors that it keeps open; with `capture`, its standard output comes to us instead of the log.
    Raises OSError where it cannot be executed.
    """
    user, group = program.identity or (None, None)
    with program.log.open("ab") as log:
        return subprocess.Popen(
            program.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if capture else log,
            stderr=log,
            cwd=program.folder,
            env=dict(program.environment),
            start_new_session=True,
            pass_fds=tuple(inherit),
            user=user,
            group=group,
            extra_groups=None if user is None else [],
            preexec_fn=_die_with_parent(program.orphan_signal),  # noqa: PLW1509 - we start children from one thread only
        )


def signal_stop(process: subprocess.Popen[bytes], program: Program) -> None:
    """Ask it to stop; the program itself tells its own children."""
    with suppress(ProcessLookupError):
        process.send_signal(program.stop_signal)


def wait_stopped(process: subprocess.Popen[bytes], *, seconds: float) -> bool:
    """Wait, then kill whatever is left of its process group. True when it ended by itself."""
    try:
        process.wait(timeout=max(seconds, 0))
    except subprocess.TimeoutExpired:
        kill(process)
        return False
    kill(process)
    return True


def kill(process: subprocess.Popen[bytes]) -> None:
    """End the whole process group at once."""
    with suppress(
        ProcessLookupError, PermissionError
    ):  # macOS answers PermissionError for a group of zombies
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _die_with_parent(orphan_signal: signal.Signals) -> Callable[[], None] | None:
    if _LIBC is None:
        return None
    parent = os.getpid()

    def before_exec() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(orphan_signal))
        if os.getppid() != parent:  # it died before we had said so
            os._exit(1)

    return before_exec
