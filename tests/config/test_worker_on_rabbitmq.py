"""Workers come back to a RabbitMQ that still holds the connection which they lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import amqp
import pytest

from config.up.place import REPOSITORY
from tests.faults import rabbitmq
from tests.listeners import wait_until

pytestmark = [pytest.mark.rabbitmq, pytest.mark.timeout(180)]
NAME = "returns@localhost"


class Workers:
    """Workers of one name. `log`: what all of them wrote."""

    def __init__(self, url: str, log: Path) -> None:
        self.prefix = f"tf-test-{uuid.uuid4().hex[:8]}:"
        self._log = log
        self._environment = {
            **os.environ,
            "CELERY_BROKER_URL": url,
            "CELERY_KEY_PREFIX": self.prefix,
        }
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def log(self) -> str:
        return self._log.read_text()

    def start(self) -> subprocess.Popen[bytes]:
        words = ("--without-gossip", "--without-mingle", "-Q", "alone", "-n", NAME, "-P", "solo")
        with self._log.open("ab") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "config", "worker", *words],
                cwd=REPOSITORY,
                env=self._environment,
                stdout=said,
                stderr=said,
            )
        self._processes.append(process)
        return process

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait(60)


@pytest.fixture
def broker() -> Iterator[amqp.Connection]:
    with rabbitmq.connected(os.environ["RABBITMQ_URL"]) as connection:
        yield connection


@pytest.fixture
def workers(broker: amqp.Connection, tmp_path: Path) -> Iterator[Workers]:
    found = Workers(os.environ["RABBITMQ_URL"], tmp_path / "log")
    yield found
    found.end()
    rabbitmq.tidy_up(broker, found.prefix)


def test_who_lost_a_connection_that_rabbitmq_still_holds_comes_back_at_once(
    workers: Workers, broker: amqp.Connection
) -> None:
    """It holds one that died without a word for two heartbeats, as it does this one's, that hangs."""
    hung = workers.start()
    wait_until(lambda: rabbitmq.consumers(broker, f"{workers.prefix}alone") == 1)
    hung.send_signal(signal.SIGSTOP)
    again = workers.start()
    wait_until(lambda: rabbitmq.consumers(broker, f"{workers.prefix}alone") == 2)
    assert again.poll() is None
    assert "RESOURCE_LOCKED" not in workers.log
