"""Comparing what a sender signed with what we compute: over raw bytes, in constant time, within five minutes."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

MAX_SKEW_SECONDS = 300


def hmac_sha256(secret: str | bytes, signed: bytes) -> bytes:
    key = secret.encode() if isinstance(secret, str) else secret
    return hmac.new(key, signed, hashlib.sha256).digest()


def any_equal(given: Iterable[bytes], computed: Iterable[bytes]) -> bool:
    """Whether a given signature is one of the computed ones; every pair is compared, however early one fits."""
    wanted = list(computed)
    fits = [hmac.compare_digest(one, other) for one in given for other in wanted]
    return any(fits)


def is_fresh(timestamp: str, *, now: float) -> bool:
    """Whether a Unix time in whole seconds is at most five minutes away from `now`, either way."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    return abs(now - int(timestamp)) <= MAX_SKEW_SECONDS
