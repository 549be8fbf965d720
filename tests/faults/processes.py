"""The processes that a script starts, as it would meet them in a real installation, and what can happen to them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from config.up.child import Program
from config.up.place import REPOSITORY

REVIVED_AFTER_SECONDS = 1.0  # as `make run` does it


@dataclass
class Process:
    """One of ours, in a process group of its own; `kind` is its name in the README's table."""

    kind: str
    program: Program
    pid: int

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

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)


class Nursery:
    """The other end of nursery.py. `environment` decides the settings of all that it starts."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._asking = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
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


class Reviver:
    """Starts again what died, as the supervisor of `make run` or a cluster would."""

    def __init__(self, nursery: Nursery) -> None:
        self.deaths = 0
        self._nursery = nursery
        self._care: list[Process] = []
        self._over = threading.Event()
        threading.Thread(target=self._watch, name="reviver", daemon=True).start()

    def take(self, process: Process) -> None:
        self._care.append(process)

    def end(self) -> None:
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            for process in [process for process in self._care if not process.is_alive()]:
                self.deaths += 1
                process.kill()  # what it left behind
                if self._over.wait(REVIVED_AFTER_SECONDS):
                    return
                process.pid = self._nursery.start(process.program)
