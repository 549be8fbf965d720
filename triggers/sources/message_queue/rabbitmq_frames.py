"""What senders wrote into a message's properties, read by the client library whatever it is.

RabbitMQ hands on what it was given, and one value that the library cannot read ends its whole connection: the message
would come again for ever, and none behind it. So a time that does not exist is read as none, a name that is no text
with its bytes spelt out, and headers that are no table as none at all. Nothing else here speaks through `pamqp`.
"""

from __future__ import annotations

import struct
from typing import Any

from triggers.sources.message_queue import kinds

_UNREADABLE = (ValueError, OverflowError, OSError, RecursionError)


def read_whatever_comes() -> None:
    """Puts our readers in the places of the library's; again is no harm. Raises SourceBroken without the library."""
    decode = _decode()
    decode.METHODS |= {"timestamp": _moment, "shortstr": _name, "table": _headers}
    decode.TABLE_MAPPING[b"T"] = _moment


def _moment(raw: bytes) -> tuple[int, Any]:
    try:
        return _decode().timestamp(raw)  # type: ignore[no-any-return]
    except _UNREADABLE:
        return 8, None


def _name(raw: bytes) -> tuple[int, str]:
    if not raw:
        raise ValueError("a short text without its length")
    return raw[0] + 1, raw[1 : raw[0] + 1].decode("utf-8", "backslashreplace")


def _headers(raw: bytes) -> tuple[int, Any]:
    try:
        return _decode().field_table(raw)  # type: ignore[no-any-return]
    except _UNREADABLE:
        (length,) = struct.unpack_from(">I", raw)
        return length + 4, {}


def _decode() -> Any:
    return kinds.client("pamqp.decode")
