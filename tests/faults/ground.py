"""What a fault script stands on: PostgreSQL and Valkey of its own, and as many processes as it asks for.

Everything here may be broken, because everything here was started here. Where it is used, Django has been set up with
this ground's addresses, so scripts read and write rows as any code does.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path

import redis

from config.up import child, processes, servers
from config.up.address import Address
from config.up.child import Child, Program
from config.up.place import Place, write_env
from config.up.servers import Server
from tests.faults.processes import Nursery, Process, Reviver

_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")


class Ground:
    """Open it once, `begin` before each script, `end` after it, close it at last."""

    def __init__(self) -> None:
        self.place = Place(Path(tempfile.mkdtemp(prefix="tf-faults-")))
        self._servers: dict[str, Server] = {}
        self._children: dict[str, Child] = {}
        self._nurseries: dict[tuple[tuple[str, str], ...], Nursery] = {}
        self._settings: Mapping[str, str] = {}
        self._processes: list[Process] = []
        self._reviver: Reviver | None = None
        self._address = Address("127.0.0.1", _free_port())
        self.url = str(self._address)  # of `start("web")`; no slash at its end

    def open(self) -> None:
        """Starts the servers and makes this process's environment that of the ground; Django comes after it."""
        self.place.prepare()
        own = servers.missing(self.place, {})
        self._servers = {server.program.name: server for server in own}
        with servers.Started(own) as started:
            started.wait_until_they_answer()
        self._children = dict(zip(self._servers, started.children, strict=True))
        addresses = {server.variable: server.url for server in own}
        write_env(self.place.run_env, {**addresses, **self.place.keys()})
        os.environ.update({**self._environment(), "LOG_LEVEL": "ERROR"})
        for name in ("CELERY_BROKER_URL", "LEASE_SECONDS", "GRACE_SECONDS"):
            os.environ.pop(name, None)

    def begin(self, settings: Mapping[str, str]) -> None:
        """Nothing runs and no row is left of an earlier script; processes started from here on have these settings."""
        from tests.faults import rows

        self._settings = settings
        if not self._servers["valkey"].answers():
            self.start_redis()
        self.wipe_redis()
        rows.forget_all()

    def end(self) -> None:
        if self._reviver is not None:
            self._reviver.end()
            self._reviver = None
        for process in self._processes:
            process.kill()
        self._processes.clear()

    def close(self) -> None:
        self.end()
        for nursery in self._nurseries.values():
            nursery.close()
        for name in self._children:
            self._stop_server(name)
        self.place.remove_sockets()
        shutil.rmtree(self.place.root, ignore_errors=True)

    # --- processes -------------------------------------------------------------------------------------------------

    def start(
        self, *kinds: str, revived: bool = False, through: Mapping[str, str] | None = None
    ) -> list[Process]:
        """`start("worker", "agents", "agents")`: one process per word. `revived`: it is started again when it dies.

        `through`: addresses of servers that these processes have instead of their own, such as a link's.
        """
        found = [self._start(kind, through or {}) for kind in kinds]
        if revived:
            self._reviver = self._reviver or Reviver(self._nursery())
            for process in found:
                self._reviver.take(process)
        return found

    def start_all(self, *, agents: int = 1, revived: bool = False) -> list[Process]:
        """A whole installation without a web server; answers its agents processes."""
        self.start("worker", "alone", "beat", revived=revived)
        return self.start(*["agents"] * agents, revived=revived)

    @property
    def deaths(self) -> int:
        """How many processes were started again."""
        return self._reviver.deaths if self._reviver else 0

    def address_of(self, variable: str) -> str:
        """Of a server: `DATABASE_URL` or `REDIS_URL`."""
        return next(one.url for one in self._servers.values() if one.variable == variable)

    def _start(self, kind: str, through: Mapping[str, str]) -> Process:
        program = self._program(kind, number=len(self._processes))
        process = Process(kind, program, self._nursery(through).start(program))
        self._processes.append(process)
        return process

    def _program(self, kind: str, *, number: int) -> Program:
        grace = float(self._settings.get("GRACE_SECONDS", 20))
        stages = processes.table(self.place, self._address, grace_seconds=grace)
        program = next(one for stage in stages for one in stage if one.name == kind)
        name = f"{kind}{number}"
        command = [f"{name}@%h" if word == f"{kind}@%h" else word for word in program.command]
        return dataclasses.replace(program, name=name, command=command, log=self.place.log(name))

    def _nursery(self, through: Mapping[str, str] | None = None) -> Nursery:
        settings = {**self._settings, **(through or {})}
        key = tuple(sorted(settings.items()))
        if key not in self._nurseries:
            self._nurseries[key] = Nursery({**self._environment(), **settings})
        return self._nurseries[key]

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return {
            **kept,
            **{server.variable: server.url for server in self._servers.values()},
            **{name: self.place.keys()[name] for name in ("SECRET_KEY", "FIELD_KEY")},
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "VAR_DIR": str(self.place.root),
            "OUTBOUND_ALLOW": "127.0.0.1",
            "FORM_PER_MINUTE": "0",
            "FORM_TOTAL_PER_MINUTE": "0",
            "LOG_LEVEL": "WARNING",
            "LOG_FORMAT": "plain",
        }

    # --- what happens to the servers ---------------------------------------------------------------------------------

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

    def restart_database(self) -> None:
        """Immediately: as after a crash, it has to recover what it had promised."""
        from django.db import connections

        process = self._children["postgres"]
        os.kill(process.pid, signal.SIGQUIT)
        child.wait(process, seconds=30)
        self._start_server("postgres")
        connections.close_all()

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

    def messages(self) -> int:
        """How many messages wait at the broker."""
        with self.redis() as client:
            return sum(
                int(client.llen(f"triggerfish:{queue}"))
                for queue in ("dispatch", "execute", "alone")
            )

    def _start_server(self, name: str) -> None:
        server = self._servers[name]
        with servers.Started([server]) as started:
            started.wait_until_they_answer()
        (self._children[name],) = started.children

    def _stop_server(self, name: str) -> None:
        program, process = self._servers[name].program, self._children[name]
        child.signal_stop(process, program)
        child.wait(process, seconds=program.stop_seconds)
        child.kill(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
