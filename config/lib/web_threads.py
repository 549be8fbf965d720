"""The threads that answer requests: a fixed number, each with a database connection that it keeps.

Django's own ASGI handler makes a thread for each request. Connections belong to threads, so each request would also
open a connection of its own, as many at once as there are requests, until PostgreSQL refuses. Here a request takes a
place when its body has been read, and gives it back before its answer is sent: slow clients hold no places.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from asgiref.sync import SyncToAsync, ThreadSensitiveContext
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from config.lib import errors

_Receive = Callable[[], Awaitable[Mapping[str, Any]]]
_Send = Callable[[Mapping[str, Any]], Awaitable[None]]
WAIT_SECONDS = 10.0  # for a place; then the answer is 503
RETRY_AFTER_SECONDS = 5


class BoundedASGIHandler(ASGIHandler):
    """WEB_THREADS requests at a time; the others wait their turn."""

    def __init__(self) -> None:
        super().__init__()
        self._free: asyncio.LifoQueue[ThreadSensitiveContext] | None = None

    async def __call__(self, scope: dict[str, Any], receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            raise ValueError(f"This answers HTTP, not {scope['type']}.")
        await self.handle(scope, receive, send)

    async def run_get_response(self, request: HttpRequest) -> HttpResponseBase:
        try:
            async with self._place():
                return await super().run_get_response(request)
        except TimeoutError:
            response = errors.answer(
                request, status=503, code="busy", message="Too much is going on; try again soon."
            )
            response["Retry-After"] = str(RETRY_AFTER_SECONDS)
            return response

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """A place is what asgiref keys its threads by. The one freed last is taken first: its connection is warm."""
        if self._free is None:  # made in the loop that uses it
            self._free = asyncio.LifoQueue()
            for _ in range(settings.WEB_THREADS):
                self._free.put_nowait(ThreadSensitiveContext())
        async with asyncio.timeout(WAIT_SECONDS):
            place = await self._free.get()
        token = SyncToAsync.thread_sensitive_context.set(place)
        try:
            yield
        finally:
            SyncToAsync.thread_sensitive_context.reset(token)
            self._free.put_nowait(place)


class ConnectionMiddleware:
    """What Django's signals around a request would do in a thread that is not the request's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        close_old_connections()
        try:
            return self.get_response(request)
        finally:
            close_old_connections()


def close_old_connections() -> None:
    """The broken ones and those older than CONN_MAX_AGE, unless somebody opened a transaction around the request.

    As Django's own, without asking a connection that has nothing to say for itself.
    """
    for connection in connections.all(initialized_only=True):
        is_old = connection.close_at is not None and time.monotonic() >= connection.close_at
        if connection.in_atomic_block:
            continue
        if connection.errors_occurred or is_old:
            connection.close_if_unusable_or_obsolete()
        connection.health_check_done = False  # type: ignore[attr-defined]  # not in the stubs
