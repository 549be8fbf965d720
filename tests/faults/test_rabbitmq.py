"""The whole system with RabbitMQ as its broker: what it does there, and what it does when RabbitMQ forgets or is away.

RabbitMQ is not ours to stop: the system reaches it through a link that we cut and hold. Its queues have names of
their own and are deleted at the end.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import amqp
import pytest

from config.up import trial
from config.up.place import REPOSITORY, read_env
from config.up.trial import Trial
from tests.faults import link, rabbitmq
from tests.faults.link import Link

pytestmark = [pytest.mark.rabbitmq, pytest.mark.timeout(300)]
NO_LIMITS = {"max_executions_per_minute": None, "max_executions_per_day": None}
SAVED_SECONDS = 1.0  # with HTTP and a machine that others use too; a save that waits takes several


@dataclass
class Installation:
    """A running system on RabbitMQ; `prefix` begins the names of its queues."""

    trial: Trial
    wire: Link
    prefix: str
    broker: amqp.Connection
    token: str

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.trial.url}/api/v1{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def save(self, name: str) -> float:
        """Saves a contact; answers how many seconds that took."""
        began = time.monotonic()
        self.ask("POST", "/contacts", {"first_name": name, "email": f"{name}@example.org"})
        return time.monotonic() - began

    def wait_for_run(self, name: str, *, seconds: float = 30) -> None:
        """Until an agent has greeted the contact; where it has not, says what became of the runs."""
        try:
            wait_until(lambda: name in self._greeted(), seconds=seconds)
        except AssertionError:
            raise AssertionError(f"{name} was not greeted: {self._runs()}") from None

    def waiting(self, queue: str) -> int:
        """Messages that RabbitMQ holds in this queue."""
        return rabbitmq.waiting(self.broker, self.prefix + queue)

    def purge(self) -> None:
        rabbitmq.purge(self.broker, self.prefix)

    def children(self, *names: str) -> list[int]:
        """The processes of ours with these names, children of the supervisor."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                pid, rest = stat.read_text().split(" (", 1)
                name, fields = rest.rsplit(") ", 1)
                mine = int(fields.split()[1]) == self.trial.pid
                if mine and name.removeprefix("tf-") in names:
                    found.append(int(pid))
        return found

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError):  # HTTPError is one
            return bool(urllib.request.urlopen(f"{self.trial.url}/readyz", timeout=10))
        return False

    def lift_limits(self) -> None:
        """So that no run waits for its agent's window or its trigger's hour."""
        for agent in self.ask("GET", "/agents")["results"]:
            self.ask("PATCH", f"/agents/{agent['id']}", {"restrictions": NO_LIMITS})
        for trigger in self.ask("GET", "/triggers")["results"]:
            self.ask("PATCH", f"/triggers/{trigger['id']}", {"max_executions_per_hour": None})

    def _runs(self) -> list[str]:
        rows = self.ask("GET", "/executions?page_size=100")["results"]
        return [f"{row['status']} {row['reason']} {row['error_message']}" for row in rows]

    def _greeted(self) -> set[str]:
        rows = self.ask("GET", "/notes?page_size=100")["results"]
        return {word for row in rows for word in row["text"].split()}


def make_token(system: Trial) -> str:
    scopes = ("--workspace", "demo", "--user", "admin", "--scopes", "read,write,run")
    environment = {**os.environ, **read_env(system.folder / "run.env")}
    said = subprocess.run(
        [sys.executable, "manage.py", "create_token", *scopes],
        cwd=REPOSITORY,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return said.stdout.split()[-1]


def wait_until(is_true: Callable[[], bool], *, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.fixture(scope="module")
def system() -> Iterator[Installation]:
    url = os.environ["RABBITMQ_URL"]
    prefix = f"tf-test-{uuid.uuid4().hex[:8]}:"
    with link.to(url) as (wire, through), rabbitmq.connected(url) as broker:
        try:
            with trial.running(CELERY_BROKER_URL=through, CELERY_KEY_PREFIX=prefix) as running:
                installation = Installation(running, wire, prefix, broker, make_token(running))
                installation.lift_limits()
                yield installation
                wire.join()
        finally:
            rabbitmq.tidy_up(broker, prefix)


def test_a_contact_makes_a_run(system: Installation) -> None:
    assert system.save("Rita") < SAVED_SECONDS
    system.wait_for_run("Rita")


def test_queues_that_were_purged_are_worked_off_all_the_same(system: Installation) -> None:
    workers = system.children("worker", "agents", "alone")
    assert len(workers) == 3
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        system.save("Paul")
        wait_until(lambda: system.waiting("dispatch") > 0)
        system.purge()
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
    system.wait_for_run("Paul")


def test_without_the_broker_a_save_succeeds_at_once(system: Installation) -> None:
    system.wire.cut()
    seconds = [system.save(f"Cut{number}") for number in range(5)]
    wait_until(lambda: not system.is_ready())
    system.wire.join()
    assert max(seconds) < SAVED_SECONDS
    for number in range(5):
        system.wait_for_run(f"Cut{number}", seconds=90)
    wait_until(system.is_ready, seconds=60)


def test_a_broker_that_hangs_holds_up_no_save(system: Installation) -> None:
    system.wire.hold()
    seconds = [system.save(f"Held{number}") for number in range(3)]
    system.wire.join()
    assert max(seconds) < SAVED_SECONDS
    system.wait_for_run("Held2", seconds=90)


def test_connections_that_died_without_a_word_are_made_anew(system: Installation) -> None:
    """Nothing tells their two ends: heartbeats and confirmations that do not come do.

    RabbitMQ may hold the old connection, and the worker's own queue with it, when the new one comes.
    """
    names = ("worker", "agents", "alone", "beat")
    before = system.children(*names)
    system.wire.forget()
    assert system.save("Lost") < SAVED_SECONDS
    system.wait_for_run("Lost", seconds=90)
    system.save("Found")
    system.wait_for_run("Found", seconds=30)
    assert len(before) == len(names)
    assert sorted(system.children(*names)) == sorted(before), "one ended"
