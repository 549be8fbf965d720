"""The servers of a ground, and what can happen to them: PostgreSQL, Valkey and perhaps RabbitMQ."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import redis

from config.up import child
from config.up.child import Child
from config.up.place import CannotStart, Place, write_env
from config.up.servers import Server, Started, missing
from tests.faults import rabbitmq
from tests.faults.script import until

_PREFIX = "triggerfish:"  # of names at the broker
_QUEUES = [_PREFIX + queue for queue in rabbitmq.QUEUES]
_START_SECONDS = 180  # RabbitMQ takes its time where others are at work
_RECOVERY_SECONDS = 60


class Servers:
    """`broker` carries the wake-ups: `redis` (the Valkey, which is there anyhow) or `rabbitmq`."""

    def __init__(self, broker: str) -> None:
        self.broker = broker
        self.place = Place(Path(tempfile.mkdtemp(prefix="tf-faults-")))
        self._servers: dict[str, Server] = {}
        self._children: dict[str, Child] = {}

    def start_servers(self) -> None:
        self.place.prepare()
        own = missing(self.place, {})
        if self.broker == "rabbitmq":
            own += rabbitmq.servers(self.place)
        self._servers = {server.program.name: server for server in own}
        with Started(own) as started:
            started.wait_until_they_answer(seconds=_START_SECONDS)
        self._children = dict(zip(self._servers, started.children, strict=True))
        write_env(self.place.run_env, {**self.addresses(), **self.place.keys()})

    def revive_servers(self) -> None:
        """Those that the script before has left dead or silent are started again."""
        from django.db import connections

        for name, server in self._servers.items():
            runs = self._children[name].poll() is None
            if runs and name == "postgres":
                until(server.answers, seconds=_RECOVERY_SECONDS)
            if server.answers():
                continue
            if runs:
                self._stop_server(name)
            self._start_server(name)
        connections.close_all()

    def stop_servers(self) -> None:
        """And nothing of them is left."""
        for name in reversed(self._children):
            self._stop_server(name)
        self.place.remove_sockets()
        shutil.rmtree(self.place.root, ignore_errors=True)

    def addresses(self) -> dict[str, str]:
        """By the variables that name them."""
        return {server.variable: server.url for server in self._servers.values()}

    def address_of(self, variable: str) -> str:
        """Of a server: `DATABASE_URL` or `REDIS_URL`."""
        return self.addresses()[variable]

    # --- what happens to them ----------------------------------------------------------------------------------------

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self._servers["valkey"].url, socket_timeout=5)

    def wipe_redis(self) -> None:
        with self.redis() as client:
            client.flushall()

    def pause_redis(self, seconds: float) -> None:
        """It stays, and answers nobody for so long."""
        with self.redis() as client:
            client.client_pause(int(seconds * 1000), all=True)

    def kill_redis(self) -> None:
        child.kill(self._children["valkey"])

    def start_redis(self) -> None:
        self._start_server("valkey")

    def purge_rabbitmq(self) -> int:
        """How many messages waited."""
        with rabbitmq.connected(self._servers["rabbitmq"].url) as broker:
            return rabbitmq.purge(broker, _PREFIX)

    def kill_rabbitmq(self) -> None:
        child.kill(self._children["rabbitmq"])

    def start_rabbitmq(self) -> None:
        self._start_server("rabbitmq")

    def restart_database(self, **settings: str) -> None:
        """Immediately: as after a crash, it has to recover what it had promised. `settings`: until the next restart."""
        from django.db import connections

        process = self._children["postgres"]
        os.kill(process.pid, signal.SIGQUIT)
        child.wait(process, seconds=30)
        self._start_server("postgres", settings)
        connections.close_all()

    def stop_database(self) -> None:
        """As for maintenance: what it has is on the disk."""
        from django.db import connections

        self._stop_server("postgres")
        connections.close_all()

    def start_database(self, **settings: str) -> None:
        self._start_server("postgres", settings)

    def revive_database(self) -> bool:
        """Starts it where it gave up, as its supervisor would: whether it did, and it answers now."""
        if self._children["postgres"].poll() is None:
            return False
        with suppress(CannotStart):
            self._start_server("postgres")
        return self._servers["postgres"].answers()

    def terminate_connections(self) -> int:
        """The server ends every connection to the database but the script's own; answers how many."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            (count,) = cursor.fetchone()
        return int(count)

    def logs(self) -> list[Path]:
        """What each process and server of this ground has said, earlier scripts' included."""
        return sorted(self.place.log("any").parent.glob("*.log"))

    def messages(self) -> int:
        """How many messages wait at the broker."""
        if self.broker == "rabbitmq":
            with rabbitmq.connected(self._servers["rabbitmq"].url) as broker:
                return sum(rabbitmq.waiting(broker, queue) for queue in _QUEUES)
        with self.redis() as client:
            return sum(int(client.llen(queue)) for queue in _QUEUES)

    def _start_server(self, name: str, settings: Mapping[str, str] | None = None) -> None:
        server = self._servers[name]
        if settings:
            more = [word for item in settings.items() for word in ("-c", "=".join(item))]
            program = dataclasses.replace(server.program, command=[*server.program.command, *more])
            server = dataclasses.replace(server, program=program)
        with Started([server]) as started:
            started.wait_until_they_answer(seconds=_START_SECONDS)
        (self._children[name],) = started.children

    def _stop_server(self, name: str) -> None:
        program, process = self._servers[name].program, self._children[name]
        child.signal_stop(process, program)
        child.wait(process, seconds=program.stop_seconds)
        child.kill(process)
