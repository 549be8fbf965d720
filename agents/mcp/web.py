"""A server over streamable HTTP: connections to checked addresses, no redirects, and what was last refused and why."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import httpx2
from django.conf import settings
from mcp.client.streamable_http import streamable_http_client

from agents import http
from agents.actions import ActionFailed
from agents.models import McpServer
from agents.wires import Wire

_MAX_EVENT = 1024 * 1024  # bytes of one event of a stream


class Web(Wire):
    """`streams()` are what the SDK speaks over; `status` of the last answer, `failure` where there was none."""

    def __init__(self, server: McpServer) -> None:
        super().__init__()
        self._server = server
        self.place = http.place_of(server.url)
        self.host = http.host_of(server.url)
        self.status = 0
        self.failure: Exception | None = None
        self._has_lost_stream = False

    def most(self, headers: httpx2.Headers) -> int | None:
        """A stream of events goes on; its reader bounds each of them."""
        is_stream = headers.get("content-type", "").startswith("text/event-stream")
        return None if is_stream else super().most(headers)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            response = await super().handle_async_request(request)
        except (ActionFailed, httpx2.TransportError) as error:
            self.failure = error
            self._has_lost_stream = self._has_lost_stream or request.method == "GET"
            raise
        if 300 <= response.status_code < 400:
            await response.aclose()
            self.failure = ActionFailed(
                f"{self.place} answered {response.status_code} {_phrase(response.status_code)}, "
                "and redirects are not followed."
            )
            raise self.failure
        if request.method == "GET":  # the standing stream; 405: there is none
            self._has_lost_stream = response.status_code >= 400 and response.status_code != 405
            return response
        self.status = response.status_code
        return response

    @asynccontextmanager
    async def streams(self) -> AsyncIterator[tuple[Any, Any]]:
        headers = {"User-Agent": f"Triggerfish/{settings.VERSION}", **self._server.headers}
        client = httpx2.AsyncClient(
            transport=self,
            headers=headers,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(None),  # sessions bound what they ask
        )
        async with (
            client,
            streamable_http_client(
                self._server.url, http_client=client, max_sse_event_size=_MAX_EVENT
            ) as streams,
        ):
            yield streams

    def is_lost(self) -> bool:
        """Whether the standing stream, where there was one, cannot be had again."""
        return self._has_lost_stream

    def forget(self) -> None:
        """What went wrong from now on is the next one's."""
        self.status, self.failure = 0, None

    def why(self, said: str) -> str:
        """`said`: what the SDK knows of it."""
        if self.failure is None:
            return f"{self.place} broke off{f': {said}' if said else ''}."
        cause = str(self.failure).rstrip(".")[:200] or type(self.failure).__name__
        return f"No answer of {self.place}: {cause}."

    def refused(self) -> str:
        """What an answer with a status of refusal means to a person."""
        said = f"{self.place} answered {self.status} {_phrase(self.status)}".rstrip()
        if self.status in (401, 403):
            return f"{said}. Check the headers of {self._server.name}, such as Authorization."
        return (
            f"{said}. Is this the address of an MCP server?" if self.status == 404 else f"{said}."
        )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
