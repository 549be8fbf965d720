"""JSON at our borders: strict on the way in, one form on the way out, storable in between.

What PostgreSQL's jsonb cannot hold (NUL, lone surrogates), what parsers disagree on (duplicate keys,
NaN, numbers past 64 bits) and what only an attacker sends (deep or huge bodies) is refused by `loads`
with a position, and cleaned by `sanitise`, because a contact with a bad name must still be saved.

Forms: times are UTC, `2026-11-03T09:30:00.000000Z` (naive ones are taken for UTC), dates ISO, UUIDs
text. A Decimal becomes an int where it is whole, else a float, where 15 digits hold it exactly
(15,000.50 does, and so do all sums of money below ten trillion); else text, never a rounded number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import orjson

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_KEYS = 10_000
MAX_DIGITS = 64  # of one number, written out
MAX_STORED_BYTES = 256 * 1024
TRUNCATED = "[truncated]"

_EXACT_DIGITS = 15  # every decimal of so many digits survives the way through a double
_LARGEST_EXPONENT = 300  # of a double, with some room
_INTEGERS = range(-(2**63), 2**64)
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
_ANY_DIGIT = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 19
_TOKEN = re.compile(
    r'"(?P<text>[^"\\]*(?:\\.[^"\\]*)*)"(?P<key>\s*:)?'
    r"|(?P<bracket>[\[\]{}])"
    r"|(?P<number>-?[0-9][-+.0-9eE]{18,})"  # shorter ones are fine: quick on long lists
)
_NUL_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class InvalidJSON(ValueError):
    """`message` says what is wrong, for a person; `position` is the character where (0 = the first)."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} (character {position})")
        self.message = message
        self.position = position


def loads(
    raw: bytes | str,
    *,
    max_bytes: int = MAX_BYTES,
    max_depth: int = MAX_DEPTH,
    max_keys: int = MAX_KEYS,
    max_digits: int = MAX_DIGITS,
) -> Any:
    """The value of a JSON text from outside; raises InvalidJSON, and nothing else.

    orjson parses and refuses bad syntax, NaN, overflow, bad UTF-8 and lone surrogates. The rest is
    told by cheap signs that may be false alarms; only then is the text scanned token by token.
    Numbers of up to 18 digits always pass, whatever `max_digits` says.
    """
    raw = _as_bytes(raw, max_bytes)
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidJSON(error.msg[:1].upper() + error.msg[1:], error.pos) from None
    depth, keys = _measure(value)
    signs = raw.translate(_ANY_DIGIT, b" \t\r\n")
    suspicious = (
        depth > max_depth
        or keys > max_keys
        or signs.count(b'":') != keys  # a duplicate, or a string such as ":-)"
        or b"\\u0000" in raw
        or _LONG_NUMBER in signs
    )
    if suspicious:
        _Scan(raw.decode(), max_depth, max_keys, max_digits).run()
    return value


def _as_bytes(raw: bytes | str, max_bytes: int) -> bytes:
    if len(raw) > max_bytes:
        raise InvalidJSON(f"The text is longer than {max_bytes} bytes", max_bytes)
    if isinstance(raw, bytes):
        return raw
    try:
        encoded = raw.encode()
    except UnicodeEncodeError as error:
        raise InvalidJSON("Lone surrogates are not allowed", error.start) from None
    if len(encoded) > max_bytes:
        raise InvalidJSON(f"The text is longer than {max_bytes} bytes", max_bytes)
    return encoded


def _measure(value: Any) -> tuple[int, int]:
    """(depth, keys) of a parsed value; not recursive, since orjson lets a depth of 1,024 pass."""
    depth = keys = 0
    level = [value] if isinstance(value, (dict, list)) else []
    while level:
        depth += 1
        below: list[Any] = []
        for container in level:
            children: Iterable[Any] = container
            if type(container) is dict:
                keys += len(container)
                children = container.values()
            below += [child for child in children if type(child) is dict or type(child) is list]
        level = below
    return depth, keys


class _Scan:
    """One pass over a text that is known to be JSON, raising at the exact place of the first fault."""

    def __init__(self, text: str, max_depth: int, max_keys: int, max_digits: int) -> None:
        self.text = text
        self.max_depth = max_depth
        self.max_keys = max_keys
        self.max_digits = max_digits
        self.open: list[set[str]] = []  # the keys seen in each container that is open
        self.keys = 0

    def run(self) -> None:
        for token in _TOKEN.finditer(self.text):
            if token.lastgroup == "bracket":
                self._bracket(token)
            elif token.lastgroup == "number":
                self._number(token)
            else:
                self._text(token)

    def _bracket(self, token: re.Match[str]) -> None:
        if token["bracket"] in "]}":
            self.open.pop()
            return
        self.open.append(set())
        if len(self.open) > self.max_depth:
            raise InvalidJSON(f"Nested deeper than {self.max_depth} levels", token.start())

    def _number(self, token: re.Match[str]) -> None:
        number = token["number"]
        if len(number) > self.max_digits:
            raise InvalidJSON(f"A number has more than {self.max_digits} digits", token.start())
        if number.lstrip("-").isdigit() and int(number) not in _INTEGERS:
            raise InvalidJSON("A whole number does not fit into 64 bits", token.start())

    def _text(self, token: re.Match[str]) -> None:
        if _NUL_ESCAPE.search(token["text"]):
            raise InvalidJSON("The character NUL is not allowed", token.start())
        if token["key"] is None:
            return
        self.keys += 1
        if self.keys > self.max_keys:
            raise InvalidJSON(f"More than {self.max_keys} keys", token.start())
        key = str(orjson.loads(f'"{token["text"]}"'))  # "\u0061" and "a" are the same key
        if key in self.open[-1]:
            raise InvalidJSON(f"Duplicate key {key[:100]!r}", token.start())
        self.open[-1].add(key)


def dumps(value: Any) -> bytes:
    """Compact JSON; raises TypeError for what has no JSON form. NaN and infinities become null.

    1e300 comes back from jsonb as a whole number of 301 digits: what is past 64 bits is written as the float it was.
    """
    try:
        return orjson.dumps(value, default=_plain, option=_OPTIONS)
    except TypeError as error:
        if "64-bit" not in str(error):
            raise
        return orjson.dumps(_as_floats(value), default=_plain, option=_OPTIONS)


def indented(value: Any) -> str:
    """For people to read and edit."""
    return orjson.dumps(value, default=_plain, option=_OPTIONS | orjson.OPT_INDENT_2).decode()


def _as_floats(value: Any) -> Any:
    """A copy in which whole numbers past 64 bits are floats; infinite where they are past those too."""
    if isinstance(value, dict):
        return {key: _as_floats(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_floats(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, int) or value in _INTEGERS:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _plain(value: Any) -> Any:
    """The JSON form of what orjson does not know (the rules are in the module's docstring)."""
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def timestamp(at: datetime) -> str:
    """UTC with microseconds, always: lossless, and it sorts as text."""
    aware = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return aware.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def number(value: Decimal) -> int | float | str | None:
    """The JSON number that is exactly `value`, else its text; None for NaN and infinities."""
    if not value.is_finite():
        return None
    if not value:
        return 0
    significant = "".join(map(str, value.as_tuple().digits)).strip("0")
    if len(significant) > _EXACT_DIGITS or abs(value.adjusted()) > _LARGEST_EXPONENT:
        return str(value)
    whole = value.adjusted() < _EXACT_DIGITS and value == int(value)
    return int(value) if whole else float(value)


def sanitise(value: Any, *, max_bytes: int = MAX_STORED_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """A copy that jsonb can hold and `dumps` can write; never raises.

    NUL and lone surrogates become U+FFFD, NaN None, integers past 64 bits text, anything unknown its
    `str()`; what is too deep, and what comes after `max_bytes`, becomes "[truncated]".
    """
    try:
        raw = orjson.dumps(value, default=_plain, option=_OPTIONS)
    except (TypeError, ValueError, RecursionError):
        return _Cleaner(max_bytes, max_depth).clean(value, 0)
    if len(raw) <= max_bytes and b"\\u0000" not in raw:
        copy = orjson.loads(raw)
        if raw.count(b"{") + raw.count(b"[") <= max_depth or _measure(copy)[0] <= max_depth:
            return copy
    return _Cleaner(max_bytes, max_depth).clean(value, 0)


class _Cleaner:
    """The slow way, for values with something to change; `left` is what may still be written."""

    def __init__(self, max_bytes: int, max_depth: int) -> None:
        self.left = max_bytes
        self.max_depth = max_depth

    def clean(self, value: Any, depth: int) -> Any:
        self.left -= 8
        if self.left <= 0:
            return TRUNCATED
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return self._too_deep(depth) or dict(self._pairs(value, depth + 1))
        if isinstance(value, (list, tuple)):
            return self._too_deep(depth) or list(self._items(value, depth + 1))
        return self._scalar(value)

    def _too_deep(self, depth: int) -> str | None:
        return TRUNCATED if depth >= self.max_depth else None

    def _text(self, value: str) -> str:
        raw = _UNSTORABLE.sub("\ufffd", value[: self.left]).encode()
        text = raw[: self.left].decode(errors="ignore")  # may end inside a character
        self.left -= len(raw)
        return text if len(text) == len(value) else text + TRUNCATED

    def _pairs(self, value: dict[Any, Any], depth: int) -> Iterator[tuple[str, Any]]:
        for key, item in value.items():
            if self.left <= 0:
                yield TRUNCATED, True
                return
            yield (
                self._text(key if isinstance(key, str) else _as_text(key)),
                self.clean(item, depth),
            )

    def _items(self, value: list[Any] | tuple[Any, ...], depth: int) -> Iterator[Any]:
        for item in value:
            if self.left <= 0:
                yield TRUNCATED
                return
            yield self.clean(item, depth)

    def _scalar(self, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return int(value) if value in _INTEGERS else self._text(_as_text(value))
        if isinstance(value, float):
            return float(value) if value - value == 0 else None
        try:
            return orjson.loads(orjson.dumps(value, default=_plain, option=_OPTIONS))
        except (TypeError, ValueError, RecursionError):
            return self._text(_as_text(value))


def _as_text(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a broken __str__ must not roll back a sale
        return f"<{type(value).__name__}>"
