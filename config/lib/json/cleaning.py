"""Values that must be stored whatever is in them: cleaned instead of refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from config.lib.json.bounds import INTEGERS, MAX_DEPTH, MAX_STORED_BYTES
from config.lib.json.reading import measure
from config.lib.json.writing import OPTIONS, plain

TRUNCATED = "[truncated]"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def sanitise(value: Any, *, max_bytes: int = MAX_STORED_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """A copy that jsonb can hold and `dumps` can write; never raises.

    NUL and lone surrogates become U+FFFD, NaN None, integers past 64 bits text, anything unknown its
    `str()`; what is too deep, and what comes after `max_bytes`, becomes "[truncated]".
    """
    try:
        raw = orjson.dumps(value, default=plain, option=OPTIONS)
    except (TypeError, ValueError, RecursionError):
        return _Cleaner(max_bytes, max_depth).clean(value, 0)
    if len(raw) <= max_bytes and b"\\u0000" not in raw:
        copy = orjson.loads(raw)
        if raw.count(b"{") + raw.count(b"[") <= max_depth or measure(copy)[0] <= max_depth:
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
            return int(value) if value in INTEGERS else self._text(_as_text(value))
        if isinstance(value, float):
            return float(value) if value - value == 0 else None
        try:
            return orjson.loads(orjson.dumps(value, default=plain, option=OPTIONS))
        except (TypeError, ValueError, RecursionError):
            return self._text(_as_text(value))


def _as_text(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a broken __str__ must not roll back a sale
        return f"<{type(value).__name__}>"
