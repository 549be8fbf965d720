"""How large a JSON text and its parts may be."""

from __future__ import annotations

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_KEYS = 10_000
MAX_DIGITS = 64  # of one number, written out
MAX_STORED_BYTES = 256 * 1024
INTEGERS = range(-(2**63), 2**64)
