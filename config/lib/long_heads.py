"""A bound for what uvicorn reads of a request before anybody is asked: its line and its headers.

httptools has none (h11, which is slower, has 64 KiB), so that one connection that sends headers without end would take
all memory. With it, a request whose head has not ended after MAX_HEAD_BYTES gets 400 and its connection is closed.
What one read of the socket brings, at most 256 KiB, is not looked at.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 * 1024
_read = HttpToolsProtocol.data_received
_seen: WeakKeyDictionary[HttpToolsProtocol, int] = WeakKeyDictionary()  # bytes of heads that go on


def refuse() -> None:
    """From now on, in this process; twice is once."""
    HttpToolsProtocol.data_received = _data_received  # type: ignore[method-assign]


def _data_received(self: HttpToolsProtocol, data: bytes) -> None:
    _read(self, data)
    if not _is_amid_a_head(self):
        if _seen:
            _seen.pop(self, None)
        return
    size = _seen[self] = _seen.get(self, 0) + len(data)
    if size > MAX_HEAD_BYTES and not self.transport.is_closing():
        self.send_400_response("The head of this request is too long.")


def _is_amid_a_head(protocol: HttpToolsProtocol) -> bool:
    """uvicorn begins a scope with a request, and notes the method in it when the head has ended."""
    scope: object = protocol.scope
    return isinstance(scope, dict) and "method" not in scope
