"""A sender of webhooks, signed or not, as somebody else's program would be one."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from agents.models import Agent
from tests.faults import rows
from triggers.models import Trigger, WebhookEndpoint

SECRET = "a secret that the fault scripts sign with"
NO_LIMITS = {
    "WEBHOOK_PER_MINUTE": "1000000",
    "WEBHOOK_PER_PEER_MINUTE": "1000000",
    "WEBHOOK_TOTAL_PER_MINUTE": "1000000",
}


@dataclass(frozen=True)
class Answer:
    """`status` 0: there was none. `event_id` of a 2xx."""

    status: int
    event_id: str = ""
    retry_after: str = ""
    seconds: float = 0.0


def listen(who: Agent, *, is_signed: bool = True) -> Trigger:
    """A webhook trigger whose deliveries are named by `Idempotency-Key`, if they are signed."""
    config = {"secret": SECRET} if is_signed else {"unsigned": True}
    kinds = {"webhook_type": "generic", "webhook_config": config}
    return rows.listen(who, "hook", trigger_type="webhook", config=kinds)


def address(trigger: Trigger, url: str) -> str:
    return f"{url}/webhooks/{WebhookEndpoint.objects.get(trigger=trigger).sealed}"


def send(*to: str, delivery: str = "", is_signed: bool = True) -> Answer:
    """To the first of these addresses that takes connections, as a balancer would."""
    body = json.dumps({"event": "order.paid", "order": {"id": 17}}).encode()
    about = {
        "Content-Type": "application/json",
        "Idempotency-Key": delivery or str(uuid.uuid4()),
    }
    if is_signed:
        about["X-Webhook-Signature"] = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    began = time.monotonic()
    connection, path = _connected(*to)
    try:
        connection.request("POST", path, body, about)
        answer = connection.getresponse()
        said = answer.read()
    except (OSError, http.client.HTTPException):
        return Answer(0, seconds=time.monotonic() - began)
    finally:
        connection.close()
    taken = json.loads(said).get("event_id", "") if answer.status < 300 else ""
    seconds = time.monotonic() - began
    return Answer(answer.status, taken, answer.getheader("Retry-After") or "", seconds)


def _connected(*to: str) -> tuple[http.client.HTTPConnection, str]:
    """A connection that may have failed, and the path."""
    *others, last = to
    for one in others:
        connection, path = _towards(one)
        with suppress(OSError):
            connection.connect()
            return connection, path
    return _towards(last)


def _towards(address: str) -> tuple[http.client.HTTPConnection, str]:
    where = urlsplit(address)
    return http.client.HTTPConnection(str(where.hostname), where.port, timeout=30), where.path


class Stream:
    """Sends at a steady pace from threads of its own until it is stopped; keeps every answer. `to` as in `send`."""

    def __init__(
        self, *to: str, per_second: float, senders: int = 8, is_signed: bool = True
    ) -> None:
        self.answers: list[Answer] = []
        self.pace = 0.0  # answers a second, once it is stopped
        self._began = time.monotonic()
        self._to, self._is_signed = to, is_signed
        self._pause = senders / per_second
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(senders)]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        while not self._over.is_set():
            answer = send(*self._to, is_signed=self._is_signed)
            self.answers.append(answer)
            self._over.wait(max(self._pause - answer.seconds, 0))

    def stop(self) -> list[Answer]:
        self._over.set()
        for thread in self._threads:
            thread.join()
        if not self.pace:
            self.pace = len(self.answers) / (time.monotonic() - self._began)
        return self.answers


def p95(answers: list[Answer]) -> float:
    """Seconds."""
    waits = sorted(answer.seconds for answer in answers)
    return waits[int(len(waits) * 0.95)] if waits else 0.0
