"""A network of their own for some processes, with one wire to the rest of the machine. Needs root and `ip`."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

_KNOWN = "TESTS_CAN_MAKE_NETWORKS"


@dataclass(frozen=True)
class Network:
    """Its processes start through the command `inside`, and reach the rest of the machine at `outside`."""

    name: str
    outside: str

    @property
    def inside(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name)

    def cut(self) -> None:
        """The wire is pulled: packets are lost, nobody is told, connections stay open."""
        _ip("link", "set", f"{self.name}o", "down")

    def join(self) -> None:
        _ip("link", "set", f"{self.name}o", "up")


def can_be_made() -> bool:
    """Whether this process may make one: tried once. Processes that it starts know the answer, so that all agree."""
    if _KNOWN not in os.environ:
        os.environ[_KNOWN] = "yes" if _was_made() else "no"
    return os.environ[_KNOWN] == "yes"


def _was_made() -> bool:
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("ip"):
        return False
    try:
        with made():
            return True
    except subprocess.CalledProcessError:
        return False


@contextlib.contextmanager
def made() -> Iterator[Network]:
    with _number() as number:
        name = f"tf{number}"
        near, far = f"10.199.{number}.1", f"10.199.{number}.2"
        _ip("netns", "add", name)
        try:
            _ip("link", "add", f"{name}o", "type", "veth", "peer", "name", f"{name}i")
            _ip("link", "set", f"{name}i", "netns", name)
            _ip("address", "add", f"{near}/30", "dev", f"{name}o")
            _ip("link", "set", f"{name}o", "up")
            _ip("-n", name, "address", "add", f"{far}/30", "dev", f"{name}i")
            _ip("-n", name, "link", "set", f"{name}i", "up")
            _ip("-n", name, "link", "set", "lo", "up")
            yield Network(name, near)
        finally:
            _try("link", "delete", f"{name}o")  # else it stays for as long as a process is inside
            _ip("netns", "delete", name)


@contextlib.contextmanager
def _number() -> Iterator[int]:
    """One that no other process uses now, of 1 to 250; it is part of names and addresses.

    A wire may outlive its network, while a process is inside: its number is in use as well.
    """
    for number in range(1, 251):
        with socket.socket(socket.AF_UNIX) as taken:
            try:
                taken.bind(f"\0triggerfish-network-{number}")
            except OSError:
                continue
            _try("netns", "delete", f"tf{number}")  # of a process that was killed
            if f"tf{number}o" in {name for _, name in socket.if_nameindex()}:
                continue
            yield number
            return
    raise RuntimeError("all 250 networks are in use")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def _try(*words: str) -> None:
    """Where it cannot be done, there was nothing to do."""
    subprocess.run(["ip", *words], check=False, capture_output=True)
