"""Identifiers that sort by the time of their making."""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
import uuid

_lock = threading.Lock()
_last_ms = 0
_counter = 0
_random = b""  # read ahead: one call of the kernel for many ids
_READ_AHEAD = 2048


def _forget_random() -> None:
    global _random  # noqa: PLW0603
    _random = b""


os.register_at_fork(after_in_child=_forget_random)  # else two processes would share the bytes


def uuid7() -> uuid.UUID:
    """A UUID of version 7 (RFC 9562): 48 bits of Unix milliseconds, 12 bits of counter, 62 random bits.

    Within one process the values strictly increase, so that rows made in one loop keep their order.
    """
    global _last_ms, _counter, _random  # noqa: PLW0603 - the monotonic state of this process, guarded by the lock
    with _lock:
        now_ms = time.time_ns() // 1_000_000
        if now_ms > _last_ms:
            _last_ms, _counter = now_ms, 0
        else:
            _counter += 1
            if _counter > 0xFFF:
                _last_ms, _counter = _last_ms + 1, 0
        ms, counter = _last_ms, _counter
        if len(_random) < 8:
            _random = os.urandom(_READ_AHEAD)
        random = int.from_bytes(_random[:8]) & ((1 << 62) - 1)
        _random = _random[8:]
    return uuid.UUID(int=(ms << 80) | (0x7 << 76) | (counter << 64) | (0b10 << 62) | random)


def floor(at: dt.datetime) -> uuid.UUID:
    """The smallest id that `uuid7` makes at this moment: lists by time can use the index of the ids."""
    ms = max(0, int(at.timestamp() * 1000))
    return uuid.UUID(int=(ms << 80) | (0x7 << 76) | (0b10 << 62))


def moment(pk: uuid.UUID) -> dt.datetime:
    """When `uuid7` made this id, in UTC, to the millisecond."""
    return dt.datetime.fromtimestamp((pk.int >> 80) / 1000, dt.UTC)
