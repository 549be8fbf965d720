"""Waking workers: a Celery message without arguments, sent after the commit, as best we can.

A wake-up carries no work and no authority. Lost, doubled, late or forged, it changes nothing:
`tick` looks at the rows every second. So sending happens in a thread of its own, never raises, never
retries and waits 0.1 s at most; after a failure the next attempt comes a second later. Many wake-ups of one kind become
one: `SET wake:<task> 1 NX PX 1000`, and the woken task deletes the key (`answered`) before it looks
at the first row.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import redis
from celery import current_app
from django.conf import settings
from django.db import transaction

from config.lib import broker

log = logging.getLogger(__name__)

DISPATCH = "executions.dispatch_events"
WORK = "executions.work"
WORK_ALONE = "executions.work_alone"
PRUNE = "executions.prune"
TRY = "executions.try_examples"
QUEUES = {
    DISPATCH: "dispatch",
    WORK: "execute",
    WORK_ALONE: "alone",
    PRUNE: "dispatch",
    TRY: "execute",
}
_TIMEOUT_SECONDS = 0.1
_HANDSHAKE_SECONDS = (
    0.5  # RabbitMQ's takes several round trips; the sender's own thread waits, not the save
)
_BREAK_SECONDS = 1.0
_SETTLE_SECONDS = 0.3
# Celery compares the sender's clock with the worker's: far more than two clocks may be apart, and still an end to what
# gathers while no worker is there.
EXPIRES_SECONDS = 6 * 3600

failures = 0  # wake-ups that did not leave this process, for the metrics
_broken_until = 0.0
_idle: defaultdict[int, deque[Any]] = defaultdict(
    deque
)  # held producers by process, not in use just now
_client: redis.Redis | None = None


def dispatcher() -> None:
    """Wake the dispatcher once the open transaction has committed (at once where none is open)."""
    _after_commit(_send_dispatch)


def workers() -> None:
    """Wake an agents process once the open transaction has committed."""
    _after_commit(_send_work)


def alone() -> None:
    """Wake the worker that runs suspects one at a time."""
    _after_commit(_send_alone)


def pruner() -> None:
    """Let deleting go on after the others had their turn."""
    _after_commit(_send_prune)


def triers() -> None:
    """Let an agents process try examples of conditions."""
    _after_commit(_send_try)


def answered(task: str) -> None:
    """Called by the woken task first of all: from here on, a new wake-up may be sent."""
    try:
        _redis().delete(f"wake:{task}")
    except redis.RedisError:
        _count_failure("answered")


def _send_dispatch() -> None:
    _sender().ask(DISPATCH)


def _send_work() -> None:
    _sender().ask(WORK)


def _send_alone() -> None:
    _sender().ask(WORK_ALONE)


def _send_prune() -> None:
    _sender().ask(PRUNE)


def _send_try() -> None:
    _sender().ask(TRY)


class _Sender:
    """Sends from a thread of its own: a save does not even wait for a broker that answers (about a millisecond)."""

    def __init__(self) -> None:
        self.pid = os.getpid()  # a forked child has not the thread, and makes one of its own
        self._asked: set[str] = set()
        self._sending: set[str] = set()
        self._change = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="wake", daemon=True)
        self._thread.start()

    def ask(self, task: str) -> None:
        with self._change:
            self._asked.add(task)
            self._change.notify_all()

    def settle(self, seconds: float) -> bool:
        """Waits until all that was asked for has been sent or given up."""
        with self._change:
            return self._change.wait_for(
                lambda: not (self._asked or self._sending), timeout=seconds
            )

    def close(self, seconds: float) -> None:
        """At the end of the process: a thread that the interpreter ends inside a client's code may hold up its end."""
        self.settle(seconds)
        with self._change:
            self._closing = True
            self._change.notify_all()
        self._thread.join(_TIMEOUT_SECONDS + 2 * _HANDSHAKE_SECONDS)  # one that it is sending

    def _run(self) -> None:
        while not self._closing:
            with self._change:
                self._change.wait_for(lambda: self._asked or self._closing)
                # Taken out before sending: who asks from here on has committed later, and is sent for again.
                self._sending, self._asked = self._asked, set()
            for task in sorted(self._sending):
                if not self._closing:
                    _send(task)
            with self._change:
                self._sending = set()
                self._change.notify_all()


def settle(seconds: float = _SETTLE_SECONDS) -> bool:
    """Waits for what this process has to send; a command that ends at once after its save does so by itself."""
    sender = _the_sender
    return sender is None or sender.pid != os.getpid() or sender.settle(seconds)


_the_sender: _Sender | None = None
_making = threading.Lock()


def _close() -> None:
    sender = _the_sender
    if sender is not None and sender.pid == os.getpid():
        sender.close(_SETTLE_SECONDS)


atexit.register(_close)


def _sender() -> _Sender:
    global _the_sender  # noqa: PLW0603 - the one of this process
    sender = _the_sender
    if sender is None or sender.pid != os.getpid():
        with _making:
            sender = _the_sender
            if sender is None or sender.pid != os.getpid():
                sender = _the_sender = _Sender()
    return sender


def _after_commit(send: Callable[[], None]) -> None:
    # One per transaction: the hooks registered last are enough to see whether this one is there already.
    connection = transaction.get_connection()
    sids = set(connection.savepoint_ids)
    if any(hook[1] is send and hook[0] <= sids for hook in connection.run_on_commit[-4:]):
        return
    transaction.on_commit(send, robust=True)


def _send(task: str) -> None:
    if time.monotonic() < _broken_until:
        return
    producer = None
    try:
        if _redis().set(f"wake:{task}", 1, nx=True, px=1000):
            producer = _take_producer()
            current_app.send_task(
                task,
                queue=QUEUES[task],
                producer=producer,
                retry=False,
                confirm_timeout=_HANDSHAKE_SECONDS,
                expires=EXPIRES_SECONDS,
            )
            _idle[os.getpid()].append(producer)
    except Exception:  # noqa: BLE001 - whatever the broker's client raises, the row is stored and tick finds it
        idle = _idle.pop(os.getpid(), ())
        _drop([*idle, *([producer] if producer else [])])
        _count_failure(task)


def _count_failure(what: str) -> None:
    global failures, _broken_until  # noqa: PLW0603 - the breaker of this process
    failures += 1
    _broken_until = time.monotonic() + _BREAK_SECONDS
    log.warning(
        "wake-up not sent, tick will find the rows", extra={"wake": what}, exc_info=failures == 1
    )


def _redis() -> redis.Redis:
    """One client per process (redis-py's pool notices a fork by itself)."""
    global _client  # noqa: PLW0603
    if _client is None:
        _client = redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            retry=None,
        )
    return _client


def _take_producer() -> Any:
    """A held Celery producer; making one per message, or per thread, costs more than the message.

    The web server has a new thread for each request. What a fork inherits stays where it is, unused.
    """
    with suppress(IndexError):
        return _idle[os.getpid()].pop()
    patience = _HANDSHAKE_SECONDS if settings.ON_RABBITMQ else _TIMEOUT_SECONDS
    return current_app.amqp.Producer(broker.connection(seconds=patience))


def _drop(producers: Iterable[Any]) -> None:
    """Their connections are broken: closed without another word to the broker."""
    for producer in producers:
        with suppress(Exception):
            producer.connection.collect()
