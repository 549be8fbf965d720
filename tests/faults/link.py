"""A wire to a server that we must not stop: what goes through it can be cut, held and joined again."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit, urlunsplit


class Link:
    """Listens on a free port of `host` and passes bytes on to (host, port), or to the socket at a path."""

    def __init__(self, to: tuple[str, int] | str, *, host: str = "127.0.0.1") -> None:
        self._to = to
        self._listener = socket.create_server((host, 0))
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
            try:
                far = self._connect()
            except OSError:
                return  # what it leads to is away, and so it ends here
            with far:
                self._open |= {near, far}
                with contextlib.suppress(OSError):
                    self._pass_on(near, far)
                self._open -= {near, far}
                self._forgotten -= {near, far}

    def _connect(self) -> socket.socket:
        if isinstance(self._to, tuple):
            return socket.create_connection(self._to)
        far = socket.socket(socket.AF_UNIX)
        far.connect(self._to)
        return far

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


_PORTS = {"amqp": 5672, "redis": 6379, "postgres": 5432}


@contextlib.contextmanager
def to(url: str, *, host: str = "127.0.0.1") -> Iterator[tuple[Link, str]]:
    """A link to the server of this address, and the address that goes through it; that of a unix socket too.

    `host`: an address of this machine, for those who cannot reach its loopback.
    """
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    if parts.scheme == "unix":
        link = Link(parts.path, host=host)
        through = f"redis://{host}:{{port}}/{query['db'][0]}"
    elif "host" in query:
        link = Link(f"{query['host'][0]}/.s.PGSQL.{parts.port or 5432}", host=host)
        through = f"{parts.scheme}://{parts.username}@{host}:{{port}}{parts.path}"
    else:
        where = parts.hostname or "127.0.0.1", parts.port or _PORTS[parts.scheme]
        link = Link(where, host=host)
        who = f"{parts.username}:{parts.password}@" if parts.username else ""
        through = urlunsplit(parts._replace(netloc=f"{who}{host}:{{port}}"))
    try:
        yield link, through.format(port=link.port)
    finally:
        link.close()
