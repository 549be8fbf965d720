"""The listener of the measured system, as seen from outside: its process, memory and CPU."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from triggers.models import Listener, Watch

WAIT_SECONDS = 300
_TICKS = os.sysconf("SC_CLK_TCK")


def working() -> int:
    return Watch.objects.exclude(works_since=None).count()


def listener() -> int:
    """Its process. It shows itself when it begins to look."""
    wait(Listener.objects.exists, what="a listener")
    return int(Listener.objects.order_by("-seen_at")[0].name.rpartition(":")[2])


def memory(pid: int) -> float:
    """MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(one for one in lines if one.startswith("VmRSS:")).split()[1]) / 1024


@contextmanager
def cpu(pid: int) -> Iterator[list[float]]:
    """Seconds that the process computed inside, in the list at the end."""
    used = [0.0]
    began = _computed(pid)
    yield used
    used[0] = _computed(pid) - began


def _computed(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def wait(is_so: Callable[[], object], *, what: str) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while not is_so():
        if time.monotonic() > until:
            raise SystemExit(f"it did not happen in time: {what}")
        time.sleep(0.02)
