"""HTTP over a bare socket: also what no client library would send."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

from config.lib import json

SECONDS = 20.0  # for an answer, on a machine with other work


@dataclass(frozen=True)
class Answer:
    """`headers` by lower-case name; `closed_with`: a websocket's code."""

    status: int
    headers: dict[str, str]
    body: bytes
    closed_with: int | None = None

    def json(self) -> Any:
        return json.loads(self.body)


def request(line: str, headers: list[tuple[str, str]], body: bytes, *, host: str) -> bytes:
    """A well-formed request whose end is that of the connection; texts are UTF-8, whatever HTTP thinks of it."""
    given = {name.lower() for name, _ in headers}
    whole = [("Host", host)] if "host" not in given else []
    whole += [("Connection", "close"), *headers]
    if not given & {"content-length", "transfer-encoding"} and (body or not line.startswith("GET")):
        whole.append(("Content-Length", str(len(body))))
    lines = [f"{line} HTTP/1.1", *(f"{name}: {value}" for name, value in whole), "", ""]
    return "\r\n".join(lines).encode() + body


def send(raw: bytes, *, port: int, source: str, half_closed: bool = False) -> Answer | None:
    """The first answer; None where the server closed the connection without one. `half_closed`: we say no more."""
    with socket.create_connection(
        ("127.0.0.1", port), timeout=SECONDS, source_address=(source, 0)
    ) as connection:
        try:
            connection.sendall(raw)
            if half_closed:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has answered already, and reads no further
        return _answer(connection)


def _answer(connection: socket.socket) -> Answer | None:
    seen = b""
    while b"\r\n\r\n" not in seen:
        part = _part(connection)
        if not part:
            return None
        seen += part
    head, _, body = seen.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    wanted = int(headers.get("content-length", -1))
    while wanted < 0 or len(body) < wanted:
        part = _part(connection)
        if not part:
            break
        body += part
    return Answer(int(first.split()[1]), headers, body)


def _part(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""
