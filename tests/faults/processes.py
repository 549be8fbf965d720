"""The processes that a script starts, as it would meet them in a real installation, and what can happen to them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from config.up.address import Address
from config.up.child import Program
from config.up.place import REPOSITORY


@dataclass
class Process:
    """One of ours, in a process group of its own; `kind` is its name in the README's table."""

    kind: str
    program: Program
    pid: int
    address: Address  # where it answers, if it is a web server

    @property
    def name(self) -> str:
        """As runs, signs of life and listeners call it."""
        return f"{socket.gethostname()}:{self.pid}"

    def kill(self) -> None:
        """As when its host dies: it and its children, without a word."""
        self._signal(signal.SIGKILL)

    def hang(self) -> None:
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """Gracefully, as a deploy does; it may take its grace."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)

    def is_alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def is_running(self) -> bool:
        """Neither gone nor stopped."""
        try:
            said = Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return False
        return said.rpartition(")")[2].split()[0] not in "TZX"

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def memory(process: Process) -> float:
    """MiB that it holds, without its children."""
    lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Rss:")) / 1024


def has_children(process: Process) -> bool:
    """Whether it has a process of its own that does its tasks, as all workers but those of agents have."""
    lists = Path(f"/proc/{process.pid}/task").glob("*/children")
    try:
        return any(children.read_text().strip() for children in lists)
    except OSError:  # it is going
        return False


class Nursery:
    """The other end of nursery.py. `environment` decides the settings of all that it starts, `inside` (a command that
    runs another) where they are.
    """

    def __init__(self, environment: Mapping[str, str], inside: Sequence[str] = ()) -> None:
        self._asking = threading.Lock()
        self._process = subprocess.Popen(
            [*inside, sys.executable, "-m", "tests.faults.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            env=dict(environment),
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout
        if self._answers.readline() != "ready\n":
            raise RuntimeError("the nursery did not start")

    def start(self, program: Program) -> int:
        """The pid of the new process."""
        asked = {"name": program.name, "command": program.command, "log": str(program.log)}
        with self._asking:
            self._requests.write(json.dumps(asked) + "\n")
            self._requests.flush()
            return int(self._answers.readline())

    def close(self) -> None:
        self._requests.close()
        self._process.wait()
        self._answers.close()
