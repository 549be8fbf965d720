"""How httpx2 gets out, which the libraries of models and of MCP speak: over connections to addresses that were checked,
with answers of a bounded size.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx2

from agents.transport import CONNECT_SECONDS, checked_pool

MAX_BYTES = 4 * 1024 * 1024  # of one answer, streamed or not

_ERRORS: tuple[tuple[type[Exception], type[httpx2.TransportError]], ...] = (
    (httpcore.ConnectTimeout, httpx2.ConnectTimeout),
    (httpcore.TimeoutException, httpx2.ReadTimeout),
    (httpcore.ConnectError, httpx2.ConnectError),
    (httpcore.NetworkError, httpx2.ReadError),
    (httpcore.ProtocolError, httpx2.RemoteProtocolError),
)


class TooLarge(httpx2.RemoteProtocolError):
    """More than is read of one answer."""

    def __init__(self) -> None:
        super().__init__(f"answered with more than {MAX_BYTES // 1024 // 1024} MiB.")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except tuple(ours for ours, _ in _ERRORS) as error:
        theirs = next(theirs for ours, theirs in _ERRORS if isinstance(error, ours))
        raise theirs(str(error) or type(error).__name__) from error


class _Body(httpx2.AsyncByteStream):
    def __init__(self, stream: Any, most: int | None) -> None:
        self._stream = stream
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        with _translated():
            async for chunk in self._stream:
                size += len(chunk)
                if self._most is not None and size > self._most:
                    raise TooLarge
                yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class Wire(httpx2.AsyncBaseTransport):
    """One pool of checked connections; there is no other way out."""

    def __init__(self) -> None:
        self._pool = checked_pool()

    def most(self, headers: httpx2.Headers) -> int | None:
        """How many bytes of an answer with these headers are read; None: whoever reads it bounds it."""
        return MAX_BYTES

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        # No compression: a small answer must not unpack into a large one.
        headers = [
            (name, value)
            for name, value in request.headers.raw
            if name.lower() != b"accept-encoding"
        ]
        headers.append((b"Accept-Encoding", b"identity"))
        sent = httpcore.Request(
            request.method,
            url,
            headers=headers,
            content=await request.aread(),
            extensions={"timeout": {"connect": CONNECT_SECONDS}},
        )
        with _translated():
            answer = await self._pool.handle_async_request(sent)
        body = _Body(answer.stream, self.most(httpx2.Headers(answer.headers)))
        return httpx2.Response(answer.status, headers=answer.headers, stream=body, request=request)

    async def aclose(self) -> None:
        await self._pool.aclose()
