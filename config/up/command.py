"""The order of a start: locks, port, servers, migrations and demo, processes; and of its end."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from config.up import child, forked, processes, servers, terminal
from config.up.address import Address
from config.up.place import CannotStart, Place, write_env
from config.up.servers import Server, Started
from config.up.supervisor import STOPPING, Supervisor

_ADDRESSES = ("DATABASE_URL", "REDIS_URL")
_KEPT = (*_ADDRESSES, "CELERY_BROKER_URL", "SECRET_KEY", "FIELD_KEY")
_FORMER_SECONDS = 40.0  # longer than an agents process of the last start may take to stop
_ASK_EVERY_SECONDS = 0.15
_PATIENCE_SECONDS = 20.0  # with processes that are not ready while the page answers
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
        try:
            self._run()
        finally:
            self._place.remove_sockets()

    def _run(self) -> None:
        own = servers.missing(self._place, os.environ)
        started = {server.variable for server in own}
        servers.refuse_silent(
            {name: os.environ.get(name, "") for name in _ADDRESSES if name not in started}
        )
        terminal.starting([server.program for server in own])
        with servers.Started(own, inherit=self._inherit) as running:
            os.environ.update(environment_of_children(self._place, self._address, own))
            write_env(
                self._place.run_env,
                {name: os.environ[name] for name in _KEPT if os.environ.get(name)},
            )
            forked.load()  # while the servers start
            running.wait_until_they_answer()
            demo = self._prepare()
            self._supervise(running, demo)

    def _prepare(self) -> Demo:
        program = processes.preparation(self._place)
        process = forked.start(program, inherit=self._inherit)
        try:
            while process.poll() is None:
                time.sleep(0.02)
        finally:
            child.kill(process)
        if process.poll() != 0:
            lines = "\n  ".join(["", *program.last_lines(20)])
            raise CannotStart(
                f"The database could not be prepared; {terminal.shown(program.log)} says:{lines}"
            )
        return Demo(**json.loads((self._place.root / "demo.json").read_text()))

    def _supervise(self, running: Started, demo: Demo) -> None:
        stages = processes.table(
            self._place, self._address, grace_seconds=float(os.environ.get("GRACE_SECONDS") or 20)
        )
        stages.append([server.program for server in running.servers])
        password = os.environ["DEMO_PASSWORD"] if demo.login else None
        supervisor = Supervisor(
            stages,
            start=partial(forked.start, inherit=self._inherit),
            on_death=terminal.died,
            chores=[self._greeting(demo.form, password), self._trim],
        )
        for server, process in zip(running.servers, running.children, strict=True):
            supervisor.adopt(server.program, process)
        try:
            supervisor.run()
        finally:
            terminal.stopping()
            supervisor.stop()

    def _greeting(self, form: str | None, password: str | None) -> Callable[[], float | None]:
        """Once all that the first form needs is at work: an address that is printed is tried at once."""
        answering_since = float("inf")

        def greet() -> float | None:
            nonlocal answering_since
            is_ready = self._address.answers("/readyz")
            if not is_ready and self._address.answers():
                answering_since = min(answering_since, time.monotonic())
            if not is_ready and time.monotonic() - answering_since < _PATIENCE_SECONDS:
                return _ASK_EVERY_SECONDS
            seconds = time.monotonic() - self._began_at
            terminal.welcome(
                self._address, self._place, form=form, password=password, seconds=seconds
            )
            if not is_ready:
                terminal.not_ready(self._place)
            return None

        return greet

    def _trim(self) -> float:
        self._place.trim_logs()
        return _TRIM_EVERY_SECONDS


def environment_of_children(place: Place, address: Address, own: list[Server]) -> dict[str, str]:
    """What children need beside our environment: addresses, generated keys where none are set, and where we are."""
    keys = {name: value for name, value in place.keys().items() if not os.environ.get(name)}
    return {
        **keys,
        **{server.variable: server.url for server in own},
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "VAR_DIR": str(place.root),
        "PORT": str(address.port),
        "PYTHONUNBUFFERED": "1",
        "LOG_FORMAT": os.environ.get("LOG_FORMAT") or "plain",  # `make run` is read by people
    }


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
