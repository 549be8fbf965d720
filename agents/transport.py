"""How httpx gets out: connections are made to addresses that `addresses.admit` has checked, and in no other way."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterable
from functools import lru_cache
from typing import Any

import httpcore
import httpx

from agents import addresses

CONNECT_SECONDS = 5.0


async def dial(address: str, *, port: int, seconds: float) -> httpcore.AsyncNetworkStream:
    """A TCP connection to an address, never to a name. The one place that opens one."""
    return await httpcore.AnyIOBackend().connect_tcp(address, port, timeout=seconds)


class _CheckedNetwork(httpcore.AsyncNetworkBackend):
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        found = await addresses.admit(host, port=port)
        seconds = max((timeout or CONNECT_SECONDS) / max(len(found), 1), 1.0)
        failure: Exception = httpcore.ConnectError("the name has no address")
        for address in found[: int(CONNECT_SECONDS)]:
            try:
                return await dial(str(address), port=port, seconds=seconds)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


def checked_pool() -> httpcore.AsyncConnectionPool:
    """Connections that are made to checked addresses only, each for one request."""
    return httpcore.AsyncConnectionPool(
        ssl_context=_tls(), network_backend=_CheckedNetwork(), max_keepalive_connections=0
    )


class _Body(httpx.AsyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class CheckedTransport(httpx.AsyncBaseTransport):
    """httpx over a pool whose every connection goes through `_CheckedNetwork`; there is no other way out."""

    def __init__(self) -> None:
        self._pool = checked_pool()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        answer = await self._pool.handle_async_request(
            httpcore.Request(
                request.method,
                url,
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """One per process: loading the certificates takes longer than most requests."""
    return httpx.create_ssl_context()
