"""A process that runs fault scripts at their small size, one after the other on the same servers, as they are named."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from config.lib import registry
from config.up import child
from config.up.place import REPOSITORY
from tests.faults import script
from tests.faults.script import Script

registry.load("tests.faults.scripts")
TIMEOUT = pytest.mark.timeout(400)  # a script that waits in vain gives up by itself


class Runner:
    """`python -m tests.faults --serve`, which runs scripts as their names come."""

    def __init__(self, broker: str) -> None:
        options = ("--serve", "--size", "small", "--broker", broker)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            text=True,
            preexec_fn=partial(child.die_with, os.getpid(), signal.SIGTERM),  # noqa: PLW1509
        )

    def run(self, name: str) -> str:
        """What the script printed, its last line saying `= passed` or `= failed`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{name}\n")
        self.process.stdin.flush()
        said = []
        for line in self.process.stdout:
            said.append(line)
            if line.startswith("="):
                break
        return "".join(said)

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


def scripts(which: Callable[[Script], bool]) -> list[str]:
    """Names of those that this machine can run. What it lacks is said in the summary of the tests (tests/boot.py)."""
    found = [script.registry.get(name) for name in script.registry]
    return [one.name for one in found if one.can_run and which(one)]


def is_of_input_or_sight(one: Script) -> bool:
    """They prove what bad input does, what people see, and how long it all goes on: about half of the time of all."""
    return one.name == "soak-loses-nothing" or not {"P28", "P29", "P31"}.isdisjoint(one.promises)


def running(broker: str) -> Iterator[Runner]:
    runner = Runner(broker)
    yield runner
    runner.close()


def assert_it_holds(runner: Runner, name: str) -> None:
    said = runner.run(name)
    assert said.endswith("= passed\n"), said
