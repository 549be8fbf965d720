"""Servers that queue triggers talk to: started by the test, on loopback, each on a port of its own."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import redis

from config.up import valkey
from tests.listeners import wait_until


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Valkey:
    """A Valkey that keeps what it is given, through restarts and `kill -9`."""

    def __init__(self, folder: Path, *, password: str = "") -> None:
        self.port = free_port()
        self.folder = folder
        self.password = password
        self.start()

    @property
    def url(self) -> str:
        who = f":{self.password}@" if self.password else ""
        return f"redis://{who}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = {
            "--port": str(self.port), "--bind": "127.0.0.1", "--dir": str(self.folder), "--save": "",
            "--appendonly": "yes", "--appendfsync": "always",
        }  # fmt: skip
        if self.password:
            options["--requirepass"] = self.password
        command = [valkey.find_binary(), *(word for pair in options.items() for word in pair)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.client: redis.Redis = redis.Redis.from_url(self.url)
        wait_until(self._answers)

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError):
            return bool(self.client.ping())
        return False

    def kill(self) -> None:
        self.client.close()
        self._process.kill()
        self._process.wait()


class Kafka:
    """The mock cluster of librdkafka: it lives in this process, as long as the object does."""

    def __init__(self) -> None:
        from confluent_kafka import Producer

        self._owner = Producer({"bootstrap.servers": "", "test.mock.num.brokers": 1})
        (broker,) = self._owner.list_topics(timeout=10).brokers.values()
        self.address = f"{broker.host}:{broker.port}"
        self.producer = Producer({"bootstrap.servers": self.address, "linger.ms": 5})

    def send(self, topic: str, *bodies: bytes, **more: Any) -> None:
        for body in bodies:
            self.producer.produce(topic, body, **more)
        self.producer.flush(10)

    def close(self) -> None:
        self.producer.flush(1)


class Sqs:
    """moto's server."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer

        self.port = free_port()
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self._server.start()
        self.endpoint = f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"sqs://key:hidden@eu-central-1?endpoint={self.endpoint}"

    def client(self) -> Any:
        import boto3

        return boto3.client(
            "sqs",
            endpoint_url=self.endpoint,
            region_name="eu-central-1",
            aws_access_key_id="key",
            aws_secret_access_key="hidden",
        )

    def close(self) -> None:
        self._server.stop()


def folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="tf-peer-"))
