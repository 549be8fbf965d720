"""A websocket over a bare socket: frames that no client library would send, and the code that it is closed with."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tests.corpus import wire
from tests.corpus.wire import Answer

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def talk(raw: bytes, frames: Iterable[bytes], *, port: int, source: str) -> Answer | None:
    """The answer to the handshake `raw`, with the code that the socket was closed with after these frames.

    Raises TimeoutError where it was not closed.
    """
    where = ("127.0.0.1", port)
    with socket.create_connection(where, wire.SECONDS, (source, 0)) as connection:
        connection.sendall(raw)
        seen = b""
        while b"\r\n\r\n" not in seen:
            part = connection.recv(1)
            if not part:
                return None
            seen += part
        first = seen.split(b"\r\n", 1)[0].decode()
        answer = Answer(int(first.split()[1]), {}, b"")
        if answer.status != 101:
            return answer
        try:
            for one in frames:
                connection.sendall(one)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has closed already: the code is still to be read
        return replace(answer, closed_with=_closed_with(connection))


def frame(said: Mapping[str, Any], content: bytes) -> bytes:
    """`opcode`, 1 where it is not said; `masked: false`, `unfinished: true`, `times`: so many."""
    opcode, mask = int(said.get("opcode", TEXT)), os.urandom(4)
    first = opcode | (0 if said.get("unfinished") else 0x80)
    is_masked = said.get("masked", True)
    bit, size = (0x80 if is_masked else 0), len(content)
    if size < 126:
        head = struct.pack("!BB", first, bit | size)
    elif size < 65_536:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, bit | 127, size)
    if not is_masked:
        return (head + content) * int(said.get("times", 1))
    key = mask * (size // 4 + 1)
    hidden = bytes(a ^ b for a, b in zip(content, key, strict=False))
    return (head + mask + hidden) * int(said.get("times", 1))


def _closed_with(connection: socket.socket) -> int | None:
    """None where it ended without a word."""
    while head := _exactly(connection, 2):
        size = head[1] & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", _exactly(connection, 2))
        content = _exactly(connection, size) if size else b""
        if head[0] & 0x0F == PING:
            connection.sendall(frame({"opcode": PONG}, content))
        if head[0] & 0x0F == CLOSE:
            return int(struct.unpack("!H", content[:2])[0]) if content else 1005
    return None


def _exactly(connection: socket.socket, size: int) -> bytes:
    """Empty where it ended before."""
    seen = b""
    while len(seen) < size:
        try:
            part = connection.recv(size - len(seen))
        except ConnectionResetError:
            return b""
        if not part:
            return b""
        seen += part
    return seen
