"""Counters of all processes together, for metrics: added up in this process, put into Redis every two seconds.

    REFUSED = Counter("triggerfish_refused_total", "Requests turned away.", ("reason",))
    REFUSED.add("too_large")

Adding costs about a microsecond and never fails. While Redis is away the figures wait here; a process that is killed
takes its last two seconds along. Redis that was wiped begins at zero, as a counter may. Labels come from short lists;
should one not, everything beyond MOST_SERIES of a metric is one series, `other`.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from time import perf_counter
from typing import Any

import redis
from django.conf import settings

log = logging.getLogger(__name__)
FLUSH_SECONDS = 2.0
MOST_SERIES = 60
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_TIMEOUT_SECONDS = 0.5
Key = tuple[str, tuple[str, ...], str]  # metric, label values, part: "" or an upper bound or "sum"

metrics: list[Counter | Histogram] = []  # every one, in the order of their making


class _Metric:
    def __init__(self, name: str, said: str, labels: tuple[str, ...] = ()) -> None:
        self.name, self.help, self.labels = name, said, labels
        self._seen: set[tuple[str, ...]] = set()

    def _values(self, given: tuple[object, ...]) -> tuple[str, ...]:
        values = tuple(map(str, given))
        assert len(values) == len(self.labels), (self.name, values)
        if values not in self._seen:
            if len(self._seen) >= MOST_SERIES:
                return ("other",) * len(values)
            self._seen.add(values)
        return values


class Counter(_Metric):
    """`name` ends in `_total`."""

    def __init__(self, name: str, said: str, labels: tuple[str, ...] = ()) -> None:
        super().__init__(name, said, labels)
        metrics.append(self)

    def add(self, *labels: object, amount: float = 1) -> None:
        _box().add((self.name, self._values(labels), ""), amount)


class Histogram(_Metric):
    """Seconds; `name` ends in `_seconds`."""

    def __init__(self, name: str, said: str, labels: tuple[str, ...] = ()) -> None:
        super().__init__(name, said, labels)
        metrics.append(self)

    def observe(self, seconds: float, *labels: object) -> None:
        values = self._values(labels)
        bound = next((str(one) for one in BUCKETS if seconds <= one), "+Inf")
        _box().add((self.name, values, bound), 1)
        _box().add((self.name, values, "sum"), max(0.0, seconds))

    @contextmanager
    def timed(self, *labels: object) -> Iterator[None]:
        """Also where it raises."""
        began = perf_counter()
        try:
            yield
        finally:
            self.observe(perf_counter() - began, *labels)


class _Box:
    """What this process has counted and not handed over yet."""

    def __init__(self) -> None:
        self.pid = os.getpid()  # a forked child counts for itself
        self._lock = threading.Lock()
        self._sending = threading.Lock()  # who flushes waits for what is on its way
        self._amounts: defaultdict[Key, float] = defaultdict(float)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="counters", daemon=True)
        self._thread.start()

    def add(self, key: Key, amount: float) -> None:
        with self._lock:
            self._amounts[key] += amount

    def flush(self) -> None:
        with self._sending:
            self._send()

    def _send(self) -> None:
        with self._lock:
            amounts, self._amounts = self._amounts, defaultdict(float)
        if not amounts:
            return
        try:
            pipeline = _client().pipeline(transaction=True)
            for key, amount in amounts.items():
                pipeline.hincrbyfloat(_hash(), _field(key), amount)
            pipeline.execute()
        except redis.RedisError:
            log.debug("figures not handed over, Redis is away")
            with self._lock:
                for key, amount in amounts.items():
                    self._amounts[key] += amount

    def close(self) -> None:
        """At the end of the process: a thread that the interpreter ends inside Redis' client may hold up its end."""
        self._stopped.set()
        self._thread.join(2 * _TIMEOUT_SECONDS)
        if not self._thread.is_alive():
            self.flush()

    def _run(self) -> None:
        while not self._stopped.wait(FLUSH_SECONDS):
            self.flush()


_current: _Box | None = None
_making = threading.Lock()


def _box() -> _Box:
    global _current  # noqa: PLW0603 - of this process
    box = _current
    if box is None or box.pid != os.getpid():
        with _making:
            box = _current
            if box is None or box.pid != os.getpid():
                box = _current = _Box()
    return box


def flush() -> None:
    """Hands over what this process has counted."""
    if _current is not None and _current.pid == os.getpid():
        _current.flush()


def _close() -> None:
    if _current is not None and _current.pid == os.getpid():
        _current.close()


atexit.register(_close)


def read() -> dict[Key, float]:
    """What all processes have counted. Raises redis.RedisError."""
    found: dict[Any, Any] = _client().hgetall(_hash())
    return {_key(field.decode()): float(amount) for field, amount in found.items()}


def _field(key: Key) -> str:
    name, values, part = key
    return "\x1f".join((name, part, *values))


def _key(field: str) -> Key:
    name, part, *values = field.split("\x1f")
    return name, tuple(values), part


def _hash() -> str:
    return f"{settings.CELERY_KEY_PREFIX}counters"


def _client() -> redis.Redis:
    return _client_of(os.getpid(), settings.REDIS_URL)


@cache
def _client_of(pid: int, url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS, retry=None
    )
