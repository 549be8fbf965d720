"""JSON at our borders: strict on the way in, one form on the way out, storable in between.

What PostgreSQL's jsonb cannot hold (NUL, lone surrogates), what parsers disagree on (duplicate keys,
NaN, numbers past 64 bits) and what only an attacker sends (deep or huge bodies) is refused by `loads`
with a position, and cleaned by `sanitise`, because a contact with a bad name must still be saved.

Forms: times are UTC, `2026-11-03T09:30:00.000000Z` (naive ones are taken for UTC), dates ISO, UUIDs
text. A Decimal becomes an int where it is whole, else a float, where 15 digits hold it exactly
(15,000.50 does, and so do all sums of money below ten trillion); else text, never a rounded number.
"""

from __future__ import annotations

from config.lib.json.bounds import MAX_BYTES, MAX_DEPTH, MAX_DIGITS, MAX_KEYS, MAX_STORED_BYTES
from config.lib.json.cleaning import TRUNCATED, sanitise
from config.lib.json.reading import InvalidJSON, loads
from config.lib.json.writing import dumps, indented, number, timestamp

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_DIGITS",
    "MAX_KEYS",
    "MAX_STORED_BYTES",
    "TRUNCATED",
    "InvalidJSON",
    "dumps",
    "indented",
    "loads",
    "number",
    "sanitise",
    "timestamp",
]
