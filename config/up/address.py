"""Where the web server listens: HOST and PORT."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
from dataclasses import dataclass

from config.up.place import CannotStart


@dataclass(frozen=True)
class Address:
    """Where the web server listens."""

    host: str
    port: int

    @classmethod
    def from_environment(cls) -> Address:
        """HOST and PORT. Raises CannotStart for a port that is none."""
        port = os.environ.get("PORT") or "8000"
        if not port.isdecimal() or not 0 < int(port) < 65_536:
            raise CannotStart(f"PORT must be a number from 1 to 65535, not {port!r}.")
        return cls(os.environ.get("HOST") or "127.0.0.1", int(port))

    def __str__(self) -> str:
        host = self._reachable_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def refuse_if_busy(self) -> None:
        """Raises CannotStart where somebody else listens there, or we may not."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                raise CannotStart(
                    f"Cannot listen on {self.host}:{self.port} ({error.strerror}). "
                    f"Choose another port: make run PORT={self.port % 65_535 + 1}"
                ) from error

    def answers(self, path: str = "/healthz") -> bool:
        """Does the web server answer? An error of ours does not count, a refusal of our host name does."""
        connection = http.client.HTTPConnection(self._reachable_host, self.port, timeout=2)
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            contextlib.closing(connection),
        ):
            connection.request("GET", path)
            return connection.getresponse().status < 500
        return False

    @property
    def _reachable_host(self) -> str:
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound


def free_port() -> int:
    """One of the loopback where nobody listens just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
