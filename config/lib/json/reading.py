"""JSON texts from outside: parsed by orjson, then held against what storage and other parsers can take."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import orjson

from config.lib.json.bounds import INTEGERS, MAX_BYTES, MAX_DEPTH, MAX_DIGITS, MAX_KEYS

_ANY_DIGIT = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 19
_TOKEN = re.compile(
    r'"(?P<text>[^"\\]*(?:\\.[^"\\]*)*)"(?P<key>\s*:)?'
    r"|(?P<bracket>[\[\]{}])"
    r"|(?P<number>-?[0-9][-+.0-9eE]{18,})"  # shorter ones are fine: quick on long lists
)
_NUL_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


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
    depth, keys = measure(value)
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


def measure(value: Any) -> tuple[int, int]:
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
        if number.lstrip("-").isdigit() and int(number) not in INTEGERS:
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
