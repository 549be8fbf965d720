"""Somebody else's web server, in all its moods, on a free port of the loopback, or of another address.

`/ok`, `/fail` (404), `/work?ms=50` (answers after so long), `/hold` (answers when it is released), `/drip` (a byte
now and then, without end), `/provider?run=17` (503 while it is away).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Peer(ThreadingHTTPServer):
    """`calls` counts requests by path and query, `times` says when they came (the monotonic clock); `peak` is the
    most that were under way at once; `keys` counts Idempotency-Keys.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, host: str) -> None:
        super().__init__((host, 0), _Answer)
        self.calls: Counter[str] = Counter()
        self.keys: Counter[str] = Counter()
        self.under_way = self.peak = 0
        self.times: list[float] = []
        self.is_away = False
        self._now: Counter[str] = Counter()
        self._peaks: Counter[str] = Counter()
        self.released = threading.Event()
        self._count = threading.Lock()

    def url(self, path: str) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_port}{path}"

    def step(self, path: str, **params: Any) -> dict[str, Any]:
        """An agent's step that asks this address."""
        return {"action": "http_request", "params": {"url": self.url(path), **params}}

    def came(self, path: str, *, key: str | None = None) -> None:
        with self._count:
            self.calls[path] += 1
            if key:
                self.keys[key] += 1
            self.times.append(time.monotonic())
            self.under_way += 1
            self.peak = max(self.peak, self.under_way)
            self._now[path] += 1
            self._peaks[path] = max(self._peaks[path], self._now[path])

    def went(self, path: str) -> None:
        with self._count:
            self.under_way -= 1
            self._now[path] -= 1

    def peak_of(self, path: str) -> int:
        """The most requests of this path and query at once."""
        return self._peaks[path]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers are killed on purpose here."""


class _Answer(BaseHTTPRequestHandler):
    server: Peer

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        asked = parse_qs(address.query)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.came(self.path, key=self.headers.get("Idempotency-Key"))
        try:
            if address.path == "/hold":
                self.server.released.wait()
            elif address.path == "/work":
                time.sleep(int(asked["ms"][0]) / 1000)
            elif address.path == "/drip":
                self._drip()
        finally:
            self.server.went(self.path)  # before the answer: who has it may ask again at once
        status = 503 if address.path == "/provider" and self.server.is_away else 200
        self._say(404 if address.path == "/fail" else status)

    do_POST = do_GET  # noqa: N815 - the base class asks for this name

    def _say(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        while True:
            self.wfile.write(b" ")
            time.sleep(0.1)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nobody reads it."""


@contextlib.contextmanager
def running(host: str = "127.0.0.1") -> Iterator[Peer]:
    with Peer(host) as peer:
        threading.Thread(target=peer.serve_forever, name="peer", daemon=True).start()
        try:
            yield peer
        finally:
            peer.released.set()
            peer.shutdown()
