"""Listeners in tests: one in a thread of this process, or `manage.py listen` as a process that may be killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

from django.db import connection

from config.lib import threads
from config.up.place import REPOSITORY
from executions.listener import Listener
from triggers.models import Listener as ListenerRow

PATIENCE_SECONDS = 60.0


def wait_until(is_so: Callable[[], object], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Asks again and again; fails after `seconds`, which only a broken test needs."""
    until = time.monotonic() + seconds
    pause = threading.Event()
    while not is_so():
        assert time.monotonic() < until, "it did not happen in time"
        pause.wait(0.05)


@contextmanager
def listening() -> Iterator[Listener]:
    """A listener in a thread, stopped gracefully at the end."""
    made: list[tuple[Listener, asyncio.AbstractEventLoop]] = []
    ready = threading.Event()

    async def run() -> None:
        listener = Listener()
        made.append((listener, asyncio.get_running_loop()))
        ready.set()
        await listener.run()

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="listener")
    thread.start()
    assert ready.wait(10)
    listener, loop = made[0]
    try:
        yield listener
    finally:
        loop.call_soon_threadsafe(listener.stop)
        thread.join(30)
        threads.close()
        assert not thread.is_alive()


class Process:
    """`manage.py listen` on the database of this test."""

    def __init__(self, **environment: str) -> None:
        url = urlsplit(os.environ["DATABASE_URL"])
        database = urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}"))
        self._environment = {**os.environ, "DATABASE_URL": database, **environment}
        self.start()

    def start(self) -> None:
        command = [sys.executable, "manage.py", "listen"]
        self._process = subprocess.Popen(
            command, cwd=REPOSITORY, env=self._environment, stdout=subprocess.DEVNULL
        )

    def kill(self) -> None:
        """`kill -9`."""
        self._process.kill()
        self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self) -> int:
        """A graceful stop once it runs: before, there is nobody who would hear of it. Answers its exit code."""
        wait_until(ListenerRow.objects.filter(name__endswith=f":{self._process.pid}").exists)
        self._process.terminate()
        try:
            return self._process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


@contextmanager
def process(**environment: str) -> Iterator[Process]:
    running = Process(**environment)
    try:
        yield running
    finally:
        if running._process.poll() is None:
            running.kill()
