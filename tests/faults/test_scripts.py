"""Every fault script at its small size, one after the other on the same servers, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

import pytest

from config.lib import registry
from config.up import child
from config.up.place import REPOSITORY
from tests.faults import script

pytestmark = pytest.mark.timeout(400)  # a script that waits in vain gives up by itself
registry.load("tests.faults.scripts")


class Runner:
    """`python -m tests.faults --serve`, which runs scripts as their names come."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults", "--serve", "--size", "small"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            text=True,
            preexec_fn=partial(child.die_with, os.getpid(), signal.SIGKILL),  # noqa: PLW1509
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


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    runner = Runner()
    yield runner
    runner.close()


@pytest.mark.parametrize("name", script.registry.names())
def test_it_holds(runner: Runner, name: str) -> None:
    said = runner.run(name)
    assert said.endswith("= passed\n"), said
