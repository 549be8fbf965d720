"""What a process has counted last reaches the others when it ends in order, however it was started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from celery import signals
from django.core.management import call_command
from pytest_django import Settings

from config.celery import app
from config.lib import counters
from config.lib.counters import Counter
from executions import lifespan
from executions.listener import Listener


@pytest.fixture(autouse=True)
def own_place(settings: Settings) -> Iterator[None]:
    app.loader.import_default_modules()  # as a worker does
    counters.flush()
    settings.CELERY_KEY_PREFIX = "test_last_figures:"
    known = list(counters.metrics)
    yield
    counters.metrics[:] = known
    counters.flush()
    counters._client().delete(counters._hash())


def _end_worker() -> None:
    signals.worker_shutdown.send(sender=None)


def _end_process_of_worker() -> None:
    signals.worker_process_shutdown.send(sender=None, pid=0, exitcode=0)


def _end_web() -> None:
    async def receive() -> dict[str, str]:
        return {"type": "lifespan.shutdown"}

    async def send(message: object) -> None:
        assert message == {"type": "lifespan.shutdown.complete"}

    asyncio.run(lifespan.lifespan({"type": "lifespan"}, receive, send))


def _end_listener() -> None:
    call_command("listen")


@pytest.mark.parametrize("end", [_end_worker, _end_process_of_worker, _end_web, _end_listener])
def test_they_are_handed_over(monkeypatch: pytest.MonkeyPatch, end: Callable[[], None]) -> None:
    async def end_at_once(listener: Listener) -> None:
        listener.stop()

    monkeypatch.setattr(Listener, "run", end_at_once)
    counted = Counter("test_last_total", "")
    counted.add(amount=2)
    end()
    assert counters.read()["test_last_total", (), ""] == 2
