"""The order of a start: locks, port, servers, migrations and demo, processes; and of its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from config.up import child, processes, servers, terminal
from config.up.address import Address
from config.up.place import CannotStart, Place, write_env
from config.up.servers import Server
from config.up.supervisor import STOPPING, Supervisor

_ADDRESSES = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL")
_KEYS = ("SECRET_KEY", "FIELD_KEY")
_FORMER_SECONDS = 40.0  # longer than an agents process of the last start may take to stop
_ASK_EVERY_SECONDS = 0.15
_TRIM_EVERY_SECONDS = 60.0


def main() -> int:
    """`manage.py up`. 0 after Ctrl-C or SIGTERM, 1 when something is in the way."""
    for number in STOPPING:
        signal.signal(number, _interrupt)  # until the supervisor takes over
    try:
        Start(Place.from_environment(), Address.from_environment()).run()
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    terminal.say("Stopped.")
    return 0


@dataclass(frozen=True)
class Demo:
    """What prepare.py says of the database."""

    form: str | None
    login: bool


class Start:
    """One start at one place. Its locks live as long as this process."""

    def __init__(self, place: Place, address: Address) -> None:
        """Raises CannotStart where another start is at work, or the port is taken."""
        self._began_at = time.monotonic()
        self._place, self._address = place, address
        place.prepare()
        place.take(
            f"Triggerfish already runs here, as process {os.getpid()}, on {address}/. "
            "Stop that one first, or set VAR_DIR and PORT to run another."
        )
        address.refuse_if_busy()
        self._inherit = [place.take_children(seconds=_FORMER_SECONDS)]
        place.trim_logs()

    def run(self) -> None:
        """Until a signal comes. Raises CannotStart; then nothing of ours is left running."""
        own = servers.missing(self._place, os.environ)
        started = {server.variable for server in own}
        servers.refuse_silent(
            {name: os.environ.get(name, "") for name in _ADDRESSES if name not in started}
        )
        terminal.starting([server.program for server in own])
        running = servers.start(own, inherit=self._inherit)
        try:
            environment = environment_of_children(self._place, self._address, own)
            write_env(self._place.run_env, _kept(environment))
            demo = self._prepare(environment)
        except BaseException:
            servers.stop(own, running)
            raise
        self._supervise(own, running, environment, demo)

    def _prepare(self, environment: Mapping[str, str]) -> Demo:
        program = processes.preparation(self._place, environment)
        process = child.start(program, inherit=self._inherit, capture=True)
        try:
            said, _ = process.communicate()
        finally:
            child.kill(process)
        if process.returncode != 0:
            lines = "\n  ".join(["", *program.last_lines(20)])
            raise CannotStart(
                f"The database could not be prepared; {terminal.shown(program.log)} says:{lines}"
            )
        return Demo(**json.loads(said.splitlines()[-1]))

    def _supervise(
        self,
        own: list[Server],
        running: list[subprocess.Popen[bytes]],
        environment: Mapping[str, str],
        demo: Demo,
    ) -> None:
        grace = float(environment.get("GRACE_SECONDS") or 20)
        stages = processes.table(
            self._place, environment, address=self._address, grace_seconds=grace
        )
        stages.append([server.program for server in own])
        password = environment["DEMO_PASSWORD"] if demo.login else None
        supervisor = Supervisor(
            stages,
            inherit=self._inherit,
            on_death=terminal.died,
            chores=[self._greeting(demo.form, password), self._trim],
        )
        for server, process in zip(own, running, strict=True):
            supervisor.adopt(server.program, process)
        try:
            supervisor.run()
        finally:
            terminal.stopping()
            supervisor.stop()

    def _greeting(self, form: str | None, password: str | None) -> Callable[[], float | None]:
        def greet() -> float | None:
            if not self._address.answers():
                return _ASK_EVERY_SECONDS
            seconds = time.monotonic() - self._began_at
            terminal.welcome(
                self._address, self._place, form=form, password=password, seconds=seconds
            )
            return None

        return greet

    def _trim(self) -> float:
        self._place.trim_logs()
        return _TRIM_EVERY_SECONDS


def environment_of_children(place: Place, address: Address, own: list[Server]) -> dict[str, str]:
    """Our environment, with the servers' addresses, the generated keys where none are set, and where we are."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if value or name not in (*_ADDRESSES, *_KEYS)
    }
    return {
        **place.keys(),
        **ours,
        **{server.variable: server.url for server in own},
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "VAR_DIR": str(place.root),
        "PORT": str(address.port),
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",  # glibc gives each thread an arena of its own, and keeps it
    }


def _kept(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: environment[name] for name in (*_ADDRESSES, *_KEYS) if environment.get(name)}


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
