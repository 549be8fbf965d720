"""Servers for the tests, started before Django reads its settings: pytest loads this with `-p tests.boot`.

A conftest would be too late, pytest-django has read the settings by then. Where DATABASE_URL and REDIS_URL are set,
those servers are used; else PostgreSQL and Valkey are started in a temporary folder and stopped at the end. xdist's
workers inherit the addresses; each takes a database of its own on both.

Tests marked `rabbitmq` run where RABBITMQ_URL is set, and the summary says what did not. Where CELERY_BROKER_URL is
that of a RabbitMQ, everything that is tested has its wake-ups there, in queues with names of their own that are
deleted at the end; with BROKER=rabbitmq such a one is started, too.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import uuid
from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from config.up import servers
from config.up.place import CannotStart, Place
from tests import chromium
from tests.faults import faketime, network, rabbitmq


def redis_database_of(worker: str, url: str) -> str:
    """The address of a database of its own for xdist's `gw0`, `gw1` ... : Redis has 16, the first is nobody's."""
    number = int(worker.removeprefix("gw")) + 1
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"unix://{parts.path}?db={number}"
    return urlunsplit((*parts[:2], f"/{number}", *parts[3:]))


def broker() -> dict[str, str]:
    """The settings by which a system that a test starts has the broker of the tests; none where it is Redis."""
    url = os.environ.get("CELERY_BROKER_URL", "")
    names = ("CELERY_BROKER_URL", "CELERY_KEY_PREFIX") if url.startswith("amqp") else ()
    return {name: os.environ[name] for name in names}


class _Ground:
    """What this run stands on: a temporary VAR_DIR and the servers that nobody gave us."""

    def __init__(self) -> None:
        self.place = Place(Path(tempfile.mkdtemp(prefix="tf-test-")))
        self.started = servers.Started([])
        self._prefix = f"tf-test-{uuid.uuid4().hex[:8]}:"

    def start(self) -> None:
        self.place.prepare()
        own = servers.missing(self.place, os.environ, careless=True)
        is_given = os.environ.get("CELERY_BROKER_URL", "").startswith("amqp")
        if os.environ.get("BROKER") == "rabbitmq" and not is_given:
            own += rabbitmq.servers(self.place)
        with servers.Started(own) as self.started:
            self.started.wait_until_they_answer(seconds=180)
        os.environ.update({server.variable: server.url for server in own})
        if worker := os.environ.get("PYTEST_XDIST_WORKER"):
            os.environ["REDIS_URL"] = redis_database_of(worker, os.environ["REDIS_URL"])
        os.environ["VAR_DIR"] = str(self.place.root)
        os.environ["CANARY_SECONDS"] = "0"  # tests count what happens
        if os.environ.get("CELERY_BROKER_URL", "").startswith("amqp"):
            os.environ.setdefault("RABBITMQ_URL", os.environ["CELERY_BROKER_URL"])
            os.environ["CELERY_KEY_PREFIX"] = self._prefix
        keys = self.place.keys()
        for name in ("SECRET_KEY", "FIELD_KEY"):
            os.environ.setdefault(name, keys[name])

    def stop(self) -> None:
        """Twice is once."""
        if (given := broker()) and rabbitmq.answers(given["CELERY_BROKER_URL"]):
            with rabbitmq.connected(given["CELERY_BROKER_URL"]) as connection:
                rabbitmq.tidy_up(connection, self._prefix)
        self.started.stop()
        self.place.remove_sockets()
        shutil.rmtree(self.place.root, ignore_errors=True)


_grounds: list[_Ground] = []
_not_run: list[str] = []


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None]:
    """Before pytest-django's hook of this name, which reads the settings: wrappers come first."""
    ground = _Ground()
    network.can_be_made()  # asked before xdist's workers start: each is to collect the same tests
    atexit.register(ground.stop)  # when pytest gives up early, pytest_unconfigure never comes
    try:
        ground.start()
    except CannotStart as error:
        raise pytest.UsageError(str(error)) from error
    _grounds.append(ground)
    return (yield)


def pytest_report_header() -> str:
    started = [server.program.name for ground in _grounds for server in ground.started.servers]
    return f"servers: {', '.join(started) or 'none'} started for this run, the others from the environment"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get("RABBITMQ_URL"):
        return
    left_out = [item for item in items if item.get_closest_marker("rabbitmq")]
    if left_out:
        _not_run.extend(item.nodeid for item in left_out)
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not os.environ.get("RABBITMQ_URL"):
        names = "".join(f"\n  {nodeid}" for nodeid in _not_run)
        terminalreporter.write_line(f"RabbitMQ tests did not run: RABBITMQ_URL is not set.{names}")
    if not faketime.library():
        terminalreporter.write_line(
            "Clocks that jump were not tried: libfaketime is not installed."
        )
    if not chromium.path():
        terminalreporter.write_line("The live view was not tried: Chromium is not installed.")
    if not rabbitmq.is_installed():
        terminalreporter.write_line(
            "Faults of RabbitMQ were not tried: rabbitmq-server is not installed."
        )
    if not network.can_be_made():
        terminalreporter.write_line(
            "A pulled cable was not tried: that needs root and `ip` (iproute2)."
        )


def pytest_unconfigure() -> None:
    for ground in _grounds:
        ground.stop()
