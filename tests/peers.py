"""Servers that queue triggers talk to: started by the test, on loopback, each on a port of its own."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis

from config.up import valkey
from config.up.address import free_port
from tests.faults.link import Link
from tests.listeners import wait_until


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
    """The mock cluster of librdkafka, in this process. What it was given stays while its brokers are down."""

    def __init__(self, *, brokers: int = 1) -> None:
        import confluent_kafka

        (at,) = Path(f"{Path(confluent_kafka.__file__).parent}.libs").glob("librdkafka*")
        self._library = ctypes.CDLL(str(at))
        for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
            getattr(self._library, name).restype = ctypes.c_void_p
        self._library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
        self._brokers = range(1, brokers + 1)
        silent = ctypes.c_void_p(self._library.rd_kafka_conf_new())
        self._library.rd_kafka_conf_set(silent, b"log_level", b"0", None, 0)
        self._owner = ctypes.c_void_p(self._library.rd_kafka_new(0, silent, None, 0))
        self._cluster = ctypes.c_void_p(
            self._library.rd_kafka_mock_cluster_new(self._owner, brokers)
        )
        listed = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        self.addresses = listed.split(",")
        self.address = self.addresses[0]
        self._producer: Any = None

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def send(self, topic: str, *bodies: bytes, **more: Any) -> None:
        from confluent_kafka import Producer

        if self._producer is None:
            self._producer = Producer(
                {"bootstrap.servers": ",".join(self.addresses), "linger.ms": 5, "log_level": 0}
            )
        for body in bodies:
            self._producer.produce(topic, body, **more)
        assert self._producer.flush(60) == 0

    def forget(self, topic: str) -> None:
        """The topic is deleted, and made anew by whoever sends to it next."""
        assert self._library.rd_kafka_mock_topic_delete(self._cluster, topic.encode()) == 0
        self._producer = None

    def down(self) -> None:
        """Its brokers end all connections and take no more."""
        for number in self._brokers:
            self._library.rd_kafka_mock_broker_set_down(self._cluster, number)

    def up(self) -> None:
        for number in self._brokers:
            self._library.rd_kafka_mock_broker_set_up(self._cluster, number)

    def name(self, broker: int, host: str, port: int) -> None:
        """From here on the cluster says that this broker, the first one is 1, is elsewhere."""
        self._library.rd_kafka_mock_broker_set_host_port(self._cluster, broker, host.encode(), port)

    def close(self) -> None:
        self._producer = None
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._owner)


class Sqs:
    """moto's server, a process of its own. It keeps messages in memory: it is held and cut off, never started anew."""

    def __init__(self) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "moto.server", "-p", str(self.port)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self._answers)
        self.wire = Link(("127.0.0.1", self.port))

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False

    @property
    def url(self) -> str:
        """Through a wire that may be cut."""
        return f"sqs://key:hidden@eu-central-1?endpoint=http://127.0.0.1:{self.wire.port}"

    def client(self) -> Any:
        import boto3

        return boto3.client(
            "sqs",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="eu-central-1",
            aws_access_key_id="key",
            aws_secret_access_key="hidden",
        )

    def send(self, queue: str, bodies: Sequence[str]) -> None:
        """`queue`: its URL."""
        client = self.client()
        for start in range(0, len(bodies), 10):  # so many at a time, by the protocol
            some = enumerate(bodies[start : start + 10])
            entries = [{"Id": str(number), "MessageBody": body} for number, body in some]
            client.send_message_batch(QueueUrl=queue, Entries=entries)

    def hold(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.wire.close()
        self._process.kill()
        self._process.wait()


def folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="tf-peer-"))
