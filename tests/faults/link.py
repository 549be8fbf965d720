"""A wire to a server that we must not stop: what goes through it can be cut, held and joined again."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit


class Link:
    """Listens on a free port of the loopback and passes bytes on to `host`:`port`."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: set[socket.socket] = set()
        self._is_cut = False
        self._flows = threading.Event()
        self._flows.set()
        self._forgotten: set[socket.socket] = set()
        threading.Thread(target=self._accept, name="link", daemon=True).start()

    def cut(self) -> None:
        """From here on every connection is refused, and those that are open end."""
        self._is_cut = True
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def hold(self) -> None:
        """Connections stay, and new ones are taken, but no byte passes: a peer that hangs."""
        self._flows.clear()

    def forget(self) -> None:
        """What is open now stays open and carries nothing any more; new connections do: a proxy that lost its table."""
        self._forgotten |= self._open

    def join(self) -> None:
        self._is_cut = False
        self._flows.set()

    def close(self) -> None:
        self.cut()
        self._flows.set()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with near:
            if self._is_cut:
                return
            with socket.create_connection(self._to) as far:
                self._open |= {near, far}
                with contextlib.suppress(OSError):
                    self._pass_on(near, far)
                self._open -= {near, far}
                self._forgotten -= {near, far}

    def _pass_on(self, near: socket.socket, far: socket.socket) -> None:
        other = {near: far, far: near}
        while True:
            for end in select.select([near, far], [], [])[0]:
                chunk = end.recv(65_536)
                self._flows.wait()
                if not chunk:
                    return
                if end not in self._forgotten:
                    other[end].sendall(chunk)


@contextlib.contextmanager
def to(url: str) -> Iterator[tuple[Link, str]]:
    """A link to the server of this address, and the address that goes through it."""
    parts = urlsplit(url)
    link = Link(parts.hostname or "127.0.0.1", parts.port or 5672)
    who = f"{parts.username}:{parts.password}@" if parts.username else ""
    try:
        yield link, urlunsplit(parts._replace(netloc=f"{who}127.0.0.1:{link.port}"))
    finally:
        link.close()
