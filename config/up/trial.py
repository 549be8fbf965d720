"""A whole Triggerfish for a while: the real `manage.py up`, in a temporary folder, on a free port.

For tests and measures.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config.up.address import free_port
from config.up.place import REPOSITORY, read_env

START_SECONDS, STOP_SECONDS = 120, 60
_OURS = {"SECRET_KEY", "FIELD_KEY", "VAR_DIR", "DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL"}


@dataclass(frozen=True)
class Trial:
    """`url` has no slash at its end; `login`: the demo user and password; `folder`: VAR_DIR; `pid`: the supervisor."""

    url: str
    folder: Path
    login: tuple[str, str]
    pid: int


@contextlib.contextmanager
def running(**settings: str) -> Iterator[Trial]:
    """Starts everything on servers of its own, waits until it is ready; stops and deletes it all afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="tf-bench-"))
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if name not in _OURS}
    environment = {
        **kept,
        "VAR_DIR": str(folder),
        "PORT": str(port),
        "LOG_LEVEL": "WARNING",
        **settings,
    }
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=REPOSITORY,
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            _wait_until_ready(process, port, folder / "up.log")
            keys = read_env(folder / "keys.env")
            login = ("admin", keys["DEMO_PASSWORD"])
            yield Trial(f"http://127.0.0.1:{port}", folder, login, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_SECONDS)
            shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with (
            contextlib.suppress(urllib.error.URLError, OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2),
        ):
            return
        time.sleep(0.2)
    raise SystemExit(f"the system did not start:\n{log.read_text(errors='replace')[-3000:]}")
