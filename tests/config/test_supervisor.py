from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.up import child
from config.up.child import Program
from config.up.supervisor import STOPPING, Supervisor


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (*STOPPING, signal.SIGCHLD)}
    yield
    signal.set_wakeup_fd(-1)
    for number, action in kept.items():
        signal.signal(number, action)


def program(folder: Path, name: str, script: str, *, stop_seconds: float = 5) -> Program:
    command = [sys.executable, "-S", "-c", script]
    return Program(
        name=name, command=command, log=folder / f"{name}.log", stop_seconds=stop_seconds
    )


NOTES_ITS_END = """
import signal, time
signal.signal(15, lambda *_: (open({ends!r}, "a").write("{name} "), exit(0)))
print("up", flush=True)
time.sleep(60)
"""
IS_DEAF = """
import os, signal, time
signal.signal(15, signal.SIG_IGN)
os.fork()
os.write(1, b"%d\\n" % os.getpid())
time.sleep(60)
"""


def nobody_may_die(dead: Program, code: int, delay: float) -> None:
    pytest.fail(f"{dead.name} ended with {code}: {dead.last_lines()}")


def stop_us() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_what_dies_is_started_again_later_each_time(tmp_path: Path) -> None:
    deaths: list[tuple[str, int, float]] = []

    def on_death(dead: Program, code: int, delay: float) -> None:
        deaths.append((dead.log.read_text().splitlines()[-1], code, delay))
        if len(deaths) == 2:
            stop_us()

    dying = program(tmp_path, "dying", "print('alas'); raise SystemExit(3)")
    supervisor = Supervisor([[dying]], start=child.start, on_death=on_death)
    supervisor.run()
    supervisor.stop()
    assert deaths == [("alas", 3, 1.0), ("alas", 3, 2.0)]


def test_stages_stop_one_after_the_other(tmp_path: Path) -> None:
    ends = tmp_path / "ends"

    def noting(name: str) -> Program:
        return program(tmp_path, name, NOTES_ITS_END.format(ends=str(ends), name=name))

    stages = [[noting("first")], [noting("second")], [noting("third")]]

    def until_all_run() -> float | None:
        logs = [stage[0].log for stage in stages]
        if all(log.exists() and "up" in log.read_text() for log in logs):
            stop_us()
        return 0.02

    supervisor = Supervisor(
        stages, start=child.start, on_death=nobody_may_die, chores=[until_all_run]
    )
    supervisor.run()
    supervisor.stop()
    assert ends.read_text() == "first second third "


def test_what_does_not_stop_is_killed_with_its_whole_group(tmp_path: Path) -> None:
    stubborn = program(tmp_path, "stubborn", IS_DEAF, stop_seconds=0.2)

    def until_both_run() -> float | None:
        if stubborn.log.exists() and len(stubborn.log.read_text().split()) == 2:
            stop_us()
        return 0.02

    supervisor = Supervisor(
        [[stubborn]], start=child.start, on_death=nobody_may_die, chores=[until_both_run]
    )
    supervisor.run()
    supervisor.stop()
    for pid in map(int, stubborn.log.read_text().split()):
        assert is_gone(pid)


def is_gone(pid: int) -> bool:
    """Gone, or a zombie that nobody has buried yet."""
    for _ in range(100):
        try:
            if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False
