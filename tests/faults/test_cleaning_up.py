"""A script that breaks, or is stopped, leaves no process, no folder, no mount and no network behind."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from config.up.place import REPOSITORY


@pytest.mark.timeout(240)
@pytest.mark.parametrize("how", ["raises", "waits"])
def test_nothing_is_left(how: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.breaking", how],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(3)]
        assert said[1].startswith("has "), said
        root, *networks = said[1].split()[1:]
        assert len(_processes_of(root)) > 3
        if how == "waits":
            process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
    assert process.returncode == (1 if how == "raises" else 143)
    assert ("as meant" in rest) is (how == "raises")
    assert _processes_of(root) == []
    assert not Path(root).exists()
    assert root not in Path("/proc/mounts").read_text()
    names = {name for _, name in socket.if_nameindex()}
    assert not names & {f"{one}o" for one in networks}
    assert not [one for one in networks if Path(f"/run/netns/{one}").exists()]


def _processes_of(root: str) -> list[str]:
    """What has it in its command or among its addresses."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            told = (place / "cmdline").read_bytes() + (place / "environ").read_bytes()
        except OSError:  # it has just ended
            continue
        if root.encode() in told:
            found.append(place.name)
    return found
