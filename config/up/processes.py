"""The processes of one Triggerfish: the table in the README, as programs.

Two beats, two web servers or ten workers would be right too; one of each is what a laptop needs. Celery's gossip,
mingling and heartbeat events are off: nothing here listens to them, and mingling costs a second of each start.
"""

from __future__ import annotations

import sys
from functools import partial

from config.up.address import Address
from config.up.child import Program
from config.up.place import REPOSITORY, Place

WORKERS_NICENESS = 5  # what people and senders wait for goes first where the cores are busy
_CELERY = (sys.executable, "-m", "celery", "-A", "config")
_WORKER = (*_CELERY, "worker", "--without-gossip", "--without-mingle", "--without-heartbeat")


def table(place: Place, address: Address, *, grace_seconds: float) -> list[list[Program]]:
    """In the order in which they are stopped, stage by stage; they are started the other way round.

    `grace_seconds`: how long the workers let runs go on after they were told to stop.
    """
    program = partial(_program, place)
    worker = partial(program, stop_seconds=grace_seconds + 10, niceness=WORKERS_NICENESS)
    return [
        [
            program("beat", *_CELERY, "beat", "--pidfile="),
            program("listener", sys.executable, "manage.py", "listen", stop_seconds=15),
        ],
        [
            worker("worker", *_WORKER, "-Q", "dispatch", "-n", "worker@%h", "-c", "2"),
            worker("alone", *_WORKER, "-Q", "alone", "-n", "alone@%h", "-c", "1"),
            worker(
                "agents", *_WORKER, "-Q", "execute", "-n", "agents@%h", "-P", "threads", "-c", "2"
            ),
        ],
        [program("web", *_web(address))],
    ]


def preparation(place: Place) -> Program:
    """Migrates and seeds, then ends; see prepare.py for what it prints."""
    return _program(place, "prepare", sys.executable, "-m", "config.up.prepare")


def _program(
    place: Place, name: str, *command: str, stop_seconds: float = 10, niceness: int = 0
) -> Program:
    return Program(
        name=name,
        command=command,
        log=place.log(name),
        folder=REPOSITORY,
        stop_seconds=stop_seconds,
        niceness=niceness,
    )


def _web(address: Address) -> tuple[str, ...]:
    where = ("--host", address.host, "--port", str(address.port))
    manners = (
        "--no-access-log",
        "--no-proxy-headers",
        "--log-level",
        "warning",
        "--timeout-graceful-shutdown",
        "3",
    )
    return (
        sys.executable,
        "-m",
        "uvicorn",
        "config.asgi:application",
        "--ws",
        "websockets-sansio",
        *where,
        *manners,
    )
