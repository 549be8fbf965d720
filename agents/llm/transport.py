"""How models are reached: the checked connections of `agents.transport`, and answers of a bounded size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx2
from django.conf import settings

from agents.addresses import NotAllowed
from agents.transport import CONNECT_SECONDS, checked_pool

_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")
MAX_BYTES = 4 * 1024 * 1024  # of one answer, streamed or not

_ERRORS: tuple[tuple[type[Exception], type[httpx2.TransportError]], ...] = (
    (httpcore.ConnectTimeout, httpx2.ConnectTimeout),
    (httpcore.TimeoutException, httpx2.ReadTimeout),
    (httpcore.ConnectError, httpx2.ConnectError),
    (httpcore.NetworkError, httpx2.ReadError),
    (httpcore.ProtocolError, httpx2.RemoteProtocolError),
)


class TooLarge(httpx2.RemoteProtocolError):
    """More than a model answers."""

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
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        with _translated():
            async for chunk in self._stream:
                size += len(chunk)
                if size > MAX_BYTES:
                    raise TooLarge
                yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class Transport(httpx2.AsyncBaseTransport):
    """httpx2, which the models' libraries speak, over connections to addresses that were checked."""

    def __init__(self) -> None:
        self._pool = checked_pool()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if not (settings.ALLOW_MODEL_REQUESTS or request.url.host in _THIS_MACHINE):
            raise NotAllowed("Language models outside this machine are not asked here.")
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
        return httpx2.Response(
            answer.status, headers=answer.headers, stream=_Body(answer.stream), request=request
        )

    async def aclose(self) -> None:
        await self._pool.aclose()
