"""A sender of webhooks, in a process of its own: `python -m benchmarks.load '{"port": ..., ...}'`, answers JSON.

Kept-alive connections and requests made beforehand, so that little of the machine goes to it. Without a `rate` each
connection sends as soon as it was answered. With one, requests have their moment whether or not earlier ones were
answered, and a latency counts from that moment.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import uvloop

BODY = json.dumps(
    {"event": "order.paid", "order": {"id": 17, "total": 120, "lines": ["x" * 20] * 6}}
).encode()


class _Sender(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, load: _Load) -> None:
        self.load = load
        self.asked_at = 0.0
        self.buffer = b""
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def ask(self, request: bytes, at: float) -> None:
        self.asked_at = at
        self.transport.write(request)

    def data_received(self, part: bytes) -> None:
        self.buffer += part
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        start = head.lower().index(b"content-length: ") + 16
        if len(body) < int(head[start:].partition(b"\r\n")[0]):
            return
        status, self.buffer = int(head[9:12]), b""
        self.load.answered(self, status, time.perf_counter() - self.asked_at)


class _Load:
    def __init__(
        self,
        *,
        port: int,
        paths: list[str],
        secret: str,
        seconds: float,
        connections: int,
        rate: float,
    ) -> None:
        self.port, self.seconds, self.connections, self.rate = port, seconds, connections, rate
        self.requests = _requests(paths, secret)
        self.statuses: Counter[int] = Counter()
        self.waits: list[float] = []
        self.idle: deque[_Sender] = deque()
        self.due: deque[float] = deque()
        self.until = 0.0

    async def run(self) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        made = [
            await loop.create_connection(lambda: _Sender(self), "127.0.0.1", self.port)
            for _ in range(self.connections)
        ]
        senders = [sender for _, sender in made]
        began = time.perf_counter()
        self.until = began + self.seconds
        if self.rate:
            self.idle.extend(senders)
            await self._pace(began)
        else:
            for sender in senders:
                sender.ask(next(self.requests), began)
        await asyncio.sleep(max(self.until - time.perf_counter(), 0))
        took = time.perf_counter() - began
        counted, waits = dict(self.statuses), sorted(self.waits)
        for sender in senders:
            sender.transport.close()
        return {
            "statuses": counted,
            "accepted/s": counted.get(202, 0) / took,
            "p50": _at(waits, 0.50) * 1000,
            "p99": _at(waits, 0.99) * 1000,
        }

    async def _pace(self, began: float) -> None:
        number = 0
        while (now := time.perf_counter()) < self.until:
            while began + number / self.rate <= now:
                self.due.append(began + number / self.rate)
                number += 1
            self._send_due()
            await asyncio.sleep(max(began + number / self.rate - time.perf_counter(), 0))

    def _send_due(self) -> None:
        while self.due and self.idle:
            self.idle.popleft().ask(next(self.requests), self.due.popleft())

    def answered(self, sender: _Sender, status: int, wait: float) -> None:
        if (now := time.perf_counter()) >= self.until:
            return
        self.statuses[status] += 1
        self.waits.append(wait)
        if self.rate:
            self.idle.append(sender)
            self._send_due()
        else:
            sender.ask(next(self.requests), now)


def _requests(paths: list[str], secret: str) -> Iterator[bytes]:
    """Signed, to each address in turn, each with a delivery id of its own."""
    signature = hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()
    heads = [
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(BODY)}\r\nX-Webhook-Signature: {signature}\r\nIdempotency-Key: ".encode()
        for path in paths
    ]
    started = time.time_ns()
    for number, head in enumerate(cycle(heads)):
        yield b"%s%d-%d\r\n\r\n%s" % (head, started, number, BODY)


def _at(values: list[float], share: float) -> float:
    return next(islice(values, int(len(values) * share), None), 0.0)


if __name__ == "__main__":
    load = _Load(**json.loads(sys.argv[1]))
    sys.stdout.write(json.dumps(uvloop.run(load.run())))
