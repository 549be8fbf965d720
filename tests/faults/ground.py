"""What a fault script stands on: PostgreSQL, Valkey and perhaps RabbitMQ of its own, and processes as it asks for them.

Everything here may be broken, because everything here was started here. Where it is used, Django has been set up with
this ground's addresses, so scripts read and write rows as any code does.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from config.up import processes
from config.up.address import Address, free_port
from config.up.child import Program
from tests.faults.processes import Nursery, Process
from tests.faults.readiness import has_spoken
from tests.faults.reviver import Reviver
from tests.faults.servers import Servers

_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")


class Ground(Servers):
    """Open it once, `begin` before each script, `end` after it, close it at last.

    `broker` carries the wake-ups: `redis` (the Valkey, which is there anyhow) or `rabbitmq`.
    """

    def __init__(self, broker: str = "redis") -> None:
        super().__init__(broker)
        self._nurseries: dict[tuple[object, ...], Nursery] = {}
        self._settings: Mapping[str, str] = {}
        self._processes: list[Process] = []
        self._reviver: Reviver | None = None
        self._address = Address("127.0.0.1", free_port())
        self.url = str(self._address)  # of `start("web")`; no slash at its end
        self.second = Address("127.0.0.1", free_port())  # for a web server beside it

    def open(self) -> None:
        """Starts the servers and makes this process's environment that of the ground; Django comes after it."""
        self.start_servers()
        for name in ("CELERY_BROKER_URL", "CELERY_KEY_PREFIX", "LEASE_SECONDS", "GRACE_SECONDS"):
            os.environ.pop(name, None)
        os.environ.update({**self._environment(), "LOG_LEVEL": "ERROR"})

    def begin(self, settings: Mapping[str, str]) -> None:
        """Nothing runs and no row is left of an earlier script; processes started from here on have these settings."""
        from tests.faults import rows

        self._settings = settings
        self.revive_servers()
        self.wipe_redis()
        if self.broker == "rabbitmq":
            self.purge_rabbitmq()
        rows.forget_all()

    def end(self) -> None:
        if self._reviver is not None:
            self._reviver.end()
            self._reviver = None
        for process in self._processes:
            process.kill()
        self._processes.clear()
        for key in [key for key in self._nurseries if key[1]]:  # their network ends with its script
            self._nurseries.pop(key).close()

    def close(self) -> None:
        self.end()
        for nursery in self._nurseries.values():
            nursery.close()
        self.stop_servers()

    # --- processes -------------------------------------------------------------------------------------------------

    def start(
        self,
        *kinds: str,
        revived: bool = False,
        through: Mapping[str, str] | None = None,
        inside: Sequence[str] = (),
        address: Address | None = None,
    ) -> list[Process]:
        """`start("worker", "agents", "agents")`: one process per word. `revived`: it is started again when it dies.

        `through`: addresses of servers that these processes have instead of their own, such as a link's.
        `inside`: a command that runs another one elsewhere, such as in a network of its own.
        `address`: of a web server, else that of `url`.
        """
        where = address or self._address
        found = [self._start(kind, through or {}, inside, where) for kind in kinds]
        if revived:
            self._reviver = self._reviver or Reviver(self._has_spoken)
            for process in found:
                self._reviver.take(process, self._nursery(through, inside))
        return found

    def start_all(self, *, agents: int = 1, revived: bool = False) -> list[Process]:
        """A whole installation without a web server; answers its agents processes."""
        self.start("worker", "alone", "beat", revived=revived)
        return self.start(*["agents"] * agents, revived=revived)

    @contextmanager
    def standing_still(self, *kinds: str) -> Iterator[None]:
        """All processes of these kinds hang meanwhile."""
        held = [process for process in self._processes if process.kind in kinds]
        for process in held:
            process.hang()
        try:
            yield
        finally:
            for process in held:
                process.go_on()

    @property
    def reviver(self) -> Reviver:
        """Of the processes that are revived; there is one of them at least."""
        assert self._reviver is not None
        return self._reviver

    @property
    def deaths(self) -> int:
        """How many processes were started again."""
        return self._reviver.deaths if self._reviver else 0

    def is_ready(self, process: Process) -> bool:
        """Whether it lives, is not stopped, and has said that it works."""
        return process.is_running() and self._has_spoken(process)

    def _has_spoken(self, process: Process) -> bool:
        with self.redis() as client:
            return has_spoken(process, client=client)

    def _start(
        self, kind: str, through: Mapping[str, str], inside: Sequence[str], address: Address
    ) -> Process:
        program = self._program(kind, address, number=len(self._processes))
        process = Process(kind, program, self._nursery(through, inside).start(program), address)
        self._processes.append(process)
        return process

    def _program(self, kind: str, address: Address, *, number: int) -> Program:
        grace = float(self._settings.get("GRACE_SECONDS", 20))
        stages = processes.table(self.place, address, grace_seconds=grace)
        program = next(one for stage in stages for one in stage if one.name == kind)
        name = f"{kind}{number}"
        command = [f"{name}@%h" if word == f"{kind}@%h" else word for word in program.command]
        return dataclasses.replace(program, name=name, command=command, log=self.place.log(name))

    def _nursery(
        self, through: Mapping[str, str] | None = None, inside: Sequence[str] = ()
    ) -> Nursery:
        settings = {**self._settings, **(through or {})}
        key = tuple(sorted(settings.items())), tuple(inside)
        if key not in self._nurseries:
            self._nurseries[key] = Nursery({**self._environment(), **settings}, inside)
        return self._nurseries[key]

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return {
            **kept,
            **self.addresses(),
            **{name: self.place.keys()[name] for name in ("SECRET_KEY", "FIELD_KEY")},
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "VAR_DIR": str(self.place.root),
            "OUTBOUND_ALLOW": "127.0.0.1",
            "CANARY_SECONDS": "0",  # scripts count what happens
            "FORM_PER_MINUTE": "0",
            "FORM_TOTAL_PER_MINUTE": "0",
            "LOG_LEVEL": "WARNING",
            "LOG_FORMAT": "plain",
        }
