"""A model server of this machine. It speaks four wires, streamed or not, and misbehaves where it is told to.

    with model_server() as server:
        server.say(Say("Hello"), Say(calls=[("create_note", {"text": "x"})]), Fault.SERVER_ERROR)
        ... an OpenAI-compatible client at server.url("/v1"), Anthropic's at server.url() ...
        server.asked[0]["messages"]                       # the bodies that came, newest last

What is said is taken from the queue in order; the last one stays. `server.think` may be a function of the request's
body instead. Wires: `/v1/chat/completions` and `/v1/responses` of OpenAI, `/v1/messages` of Anthropic, and Google's
`/v1beta/models/<model>:generateContent`.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.agents import modelwires

Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Say:
    """One answer of the model. `text` is streamed in pieces of a few letters, `pause` seconds apart."""

    text: str = ""
    calls: list[Call] = field(default_factory=list)
    input_tokens: int = 11
    output_tokens: int = 7
    finish: str = ""  # "length": cut off
    pause: float = 0.0
    delay: float = 0.0  # before the first byte


class Fault(StrEnum):
    """What may go wrong instead of an answer."""

    SILENT = "silent"  # takes the request and never answers
    DRIP = "drip"  # an answer that never ends, a few bytes at a time
    RESET = "reset"
    HALF = "half"  # breaks off in the middle of the body
    HUGE = "huge"  # 10 MB
    NONSENSE = "nonsense"  # 200 and no JSON
    TOO_MANY = "too many"  # 429 with Retry-After: 7
    SERVER_ERROR = "server error"  # 500
    UNAUTHORISED = "unauthorised"  # 401
    BAD_REQUEST = "bad request"  # 400


KEYS = ("x-api-key", "x-goog-api-key", "Authorization")
STATUSES = {
    Fault.TOO_MANY: 429,
    Fault.SERVER_ERROR: 500,
    Fault.UNAUTHORISED: 401,
    Fault.BAD_REQUEST: 400,
}
Reply = Say | Fault


class ModelServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.queue: list[Reply] = [Say("Fine.")]
        self.think: Callable[[dict[str, Any]], Reply] | None = None
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.heads: list[dict[str, str]] = []
        self.at_work = self.most_at_work = 0
        self.closing = threading.Event()
        self.lock = threading.Lock()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def url(self, path: str = "") -> str:
        return f"http://{self.host}{path}"

    def say(self, *replies: Reply) -> None:
        self.queue = list(replies)

    def next_reply(self, body: dict[str, Any]) -> Reply:
        with self.lock:
            self.asked.append(body)
            if self.think:
                return self.think(body)
            return self.queue.pop(0) if len(self.queue) > 1 else self.queue[0]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The client had enough."""


class _Talk(BaseHTTPRequestHandler):
    server: ModelServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Quietly."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.heads.append(dict(self.headers.items()))
        self.server.keys.append(next(filter(None, map(self.headers.get, KEYS)), ""))
        with self.server.lock:
            self.server.at_work += 1
            self.server.most_at_work = max(self.server.most_at_work, self.server.at_work)
        try:
            reply = self.server.next_reply(body)
            self.close_connection = True
            if isinstance(reply, Fault):
                self._go_wrong(reply)
            else:
                self.server.closing.wait(reply.delay)
                self._answer(reply, body)
        except OSError:
            return  # the client had enough
        finally:
            with self.server.lock:
                self.server.at_work -= 1

    def _answer(self, reply: Say, body: dict[str, Any]) -> None:
        wire, is_streamed = modelwires.of(self.path, body)
        if not is_streamed:
            self._send(200, json.dumps(wire.whole(reply, body)).encode())
            return
        self._head("text/event-stream")
        for event in wire.events(reply, body):
            self._chunk(event.encode())
            self.server.closing.wait(reply.pause)
        self._chunk(b"")

    def _head(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _chunk(self, content: bytes) -> None:
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        self.wfile.flush()

    def _send(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    # --- faults -----------------------------------------------------------------------------------

    def _go_wrong(self, fault: Fault) -> None:
        if fault in STATUSES:
            said = json.dumps({"error": {"message": f"stub says {fault}", "type": "stub"}}).encode()
            more = {"Retry_After": "7"} if fault is Fault.TOO_MANY else {}
            self._send(STATUSES[fault], said, **more)
        else:
            getattr(self, f"_{fault.value}")()

    def _silent(self) -> None:
        self.server.closing.wait(60)

    def _drip(self) -> None:
        self._head("text/event-stream")
        piece = modelwires.drop(self.path).encode()
        while not self.server.closing.wait(0.05):
            self._chunk(piece)

    def _reset(self) -> None:
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.request.close()

    def _half(self) -> None:
        self.wfile.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
            b'{"id": "x", "choices": [{"mess'
        )

    def _huge(self) -> None:
        self._head("application/json")
        for _ in range(160):
            self._chunk(b" " * 65536)
        self._chunk(b"")

    def _nonsense(self) -> None:
        self._send(200, b"<html>It works!</html>")


@contextmanager
def model_server() -> Iterator[ModelServer]:
    server = ModelServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
