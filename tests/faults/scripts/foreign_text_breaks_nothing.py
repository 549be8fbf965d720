"""Whatever hypothesis can think of, every reader of foreign text refuses it or reads it, and the server answers.

Round after round, with other examples each time: the tests of `tests/fuzzing` in a process of their own (JSON,
conditions, templates, mappings, cron, every kind of webhook), while such texts go to a real server.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from config.up import child
from config.up.place import REPOSITORY
from tests.corpus import ground as corpus
from tests.faults import script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_least, exactly
from tests.fuzzing.sending import Sender

EXAMPLES = 500  # of each test in a round, and at most as many as there are seconds
AT_ONCE = 25  # requests of each kind between two looks at the clock
ROUND_SECONDS = 120  # and one for each example: whatever takes longer hangs
A_SECOND = {"examples": 50, "requests": 5}  # at the least, on a machine with other work
FEW = {"examples": 25, "requests": 5}  # where the tests have hardly started when the time is over
LARGE = 100
_PASSED = re.compile(r"(\d+) passing")


@script.register("P31", small=5, full=600)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    """`size`: seconds."""
    folder = ground.place.root / "foreign"
    folder.mkdir()
    until, least = time.monotonic() + size, A_SECOND if size >= LARGE else FEW
    each = min(EXAMPLES, size)
    examples = rounds = 0
    failed: list[str] = []
    with corpus.running(folder) as server:
        sender = Sender(server)
        while not rounds or time.monotonic() < until:
            rounds += 1
            said = folder / f"round{rounds}"
            with _reading(each, chance.randrange(10**6), said) as readers:
                hangs = time.monotonic() + ROUND_SECONDS + each
                while readers.poll() is None and time.monotonic() < hangs:
                    sender.send(min(AT_ONCE, size), number=chance.randrange(10**6))
                failed += _failures(said.read_text(), readers.poll())
            examples += sum(map(int, _PASSED.findall(said.read_text())))
        said_by_server = server.new_in_log()
        traced = said_by_server.count("Traceback")
        if sender.wrong:
            print(said_by_server[-3000:])
    for one in (*failed, *sender.wrong):
        print(one)
    yield at_least(f"examples, in {rounds} rounds", examples, size * least["examples"])
    yield exactly("readers that raised, hung or died", len(failed), 0)
    yield at_least("requests to the server", sender.seen.total(), size * least["requests"])
    yield exactly("answers that were none, or 5xx", len(sender.wrong), 0)
    yield exactly("tracebacks in the server's log", traced, 0)


def _failures(said: str, status: int | None) -> list[str]:
    """`status` None: it has not ended. Any end but 0 is a failure, whatever was said before it."""
    told = re.findall(r"^(?:FAILED|ERROR) .*", said, re.MULTILINE)
    if status != 0 and not told:
        told.append(f"ended with {status}: {said[-3000:]}")
    return told


@contextmanager
def _reading(examples: int, seed: int, said: Path) -> Iterator[subprocess.Popen[bytes]]:
    """All tests of `tests/fuzzing`, with examples that no round had before; what they say is in the file `said`."""
    options = (
        f"--hypothesis-seed={seed}",
        "--hypothesis-show-statistics",
        "-p",
        "no:cacheprovider",
    )
    with said.open("wb") as out:
        readers = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "tests/fuzzing", *options],
            cwd=REPOSITORY,
            env={
                **os.environ,
                "PROPERTY_EXAMPLES": str(examples),
                "DJANGO_SETTINGS_MODULE": "config.settings",
            },
            stdout=out,
            stderr=subprocess.STDOUT,
            preexec_fn=partial(child.die_with, os.getpid(), signal.SIGKILL),  # noqa: PLW1509
        )
    try:
        yield readers
    finally:
        readers.kill()
        readers.wait()
