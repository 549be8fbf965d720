"""One open connection to a server, held by a task of its own: what breaks in the SDK's tasks never cancels a run."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable
from contextlib import AsyncExitStack, suppress
from typing import Any, TypeVar

import httpx2
from django.conf import settings
from mcp import Client
from mcp.client.session import MessageHandlerFnT
from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED, CallToolResult, Implementation
from pydantic import ValidationError

from agents.actions import ActionFailed, InDoubt
from agents.mcp import Answered, secrets_of
from agents.mcp.child import Child
from agents.mcp.web import Web
from agents.models import McpServer
from config.lib.secrets import redact_text

T = TypeVar("T")
CLOSE_SECONDS = 5.0
MAX_PAGES, MAX_TOOLS = 20, 200


class _Ended(Exception):
    """The connection is gone."""


class Session:
    """`open` it, ask, and `close` it whatever happened. All that goes wrong is an ActionFailed."""

    def __init__(
        self,
        server: McpServer,
        *,
        seconds: float | None = None,
        hear: MessageHandlerFnT | None = None,
        **options: Any,
    ) -> None:
        self.server = server
        self.seconds = min(float(server.timeout_seconds), seconds or math.inf)
        self.peer: Child | Web = (
            Web(server) if server.transport == McpServer.Transport.HTTP else Child(server)
        )
        self._client: Client | None = None
        self._up, self._closing = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        self._is_broken = False
        self._hear, self._options = hear, options

    @property
    def host(self) -> str:
        """As `agents.hosts` knows it; empty for a command."""
        return self.peer.host if isinstance(self.peer, Web) else ""

    @property
    def client(self) -> Client:
        assert self._client is not None
        return self._client

    @property
    def is_open(self) -> bool:
        is_held = self._task is not None and not self._task.done()
        return is_held and self._up.is_set() and not self._is_broken

    async def open(self) -> Session:
        self._task = asyncio.create_task(self._hold())
        try:
            await self.within(self._up.wait())
        except (
            BaseException
        ) as error:  # a cancelled caller too leaves no session and no child behind
            await self.close()
            if isinstance(error, Exception):
                raise self.failed(error, repeatable=True) from error
            raise
        return self

    async def _hold(self) -> None:
        try:
            async with AsyncExitStack() as stack:
                client = Client(
                    self.peer.streams(),
                    cache=None,
                    client_info=Implementation(name="Triggerfish", version=settings.VERSION),
                    message_handler=self._hear,
                    **self._options,
                )
                await stack.enter_async_context(client)
                # The SDK would check results against schemas of the server with a library that a pattern can stall.
                client.session.validate_tool_result = _believed  # type: ignore[assignment,method-assign]
                self._client = client
                self._up.set()
                await self._closing.wait()
        except (
            BaseException
        ) as error:  # kept for `failed`: the SDK raises groups, of cancellations too
            self._error = error
            if isinstance(error, asyncio.CancelledError):
                raise

    async def close(self) -> None:
        """Also in the middle of a call, and of a cancellation; a child is gone afterwards."""
        self._closing.set()
        task = self._task
        if task is None or task.done():
            return
        if not self._up.is_set():
            task.cancel()
        try:
            await asyncio.wait({task}, timeout=CLOSE_SECONDS)
        finally:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait({task}, timeout=CLOSE_SECONDS)

    # --- asking -----------------------------------------------------------------------------------

    async def tools(self) -> list[Any]:
        """All tools that it offers, as the SDK knows them, up to MAX_TOOLS."""
        found: list[Any] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = await self.ask(self.client.list_tools(cursor=cursor))
            found += page.tools
            cursor = page.next_cursor
            if cursor is None or len(found) >= MAX_TOOLS:
                break
        return found[:MAX_TOOLS]

    async def ask(self, asking: Awaitable[T]) -> T:
        """Something that may be asked again. Raises ActionFailed."""
        try:
            return await self.within(asking)
        except Exception as error:
            raise self.failed(error, repeatable=True) from error

    def is_of_server(self, error: MCPError) -> bool:
        """Whether the server said so itself, and no transport in its place."""
        is_refused = isinstance(self.peer, Web) and self.peer.status >= 400
        return error.code != CONNECTION_CLOSED and not is_refused

    async def call(
        self, tool: str, arguments: dict[str, Any], *, repeatable: bool
    ) -> CallToolResult:
        """Raises InDoubt where nobody can know whether the tool did its work, unless it may be `repeatable`."""
        try:
            return await self.within(self.client.call_tool(tool, arguments))
        except Exception as error:
            raise self.failed(error, repeatable=repeatable) from error

    async def within(self, asking: Awaitable[T]) -> T:
        """What comes of it. Raises TimeoutError, _Ended where the connection goes first, and what it raises itself."""
        assert self._task is not None
        self.peer.forget()
        mine = asyncio.ensure_future(asking)
        try:
            await asyncio.wait(
                {mine, self._task}, timeout=self.seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if mine.done() and not mine.cancelled():
                return mine.result()
            raise _Ended if self._task.done() else TimeoutError
        finally:
            if not mine.done():
                mine.cancel()
                await asyncio.wait({mine}, timeout=CLOSE_SECONDS)
            if not mine.cancelled():
                mine.exception()  # looked at, so that asyncio does not complain of it

    # --- what went wrong --------------------------------------------------------------------------

    def failed(self, error: Exception, *, repeatable: bool) -> ActionFailed:
        """The failure in words for people; without secrets."""
        error = _leaf(self._error) or error if isinstance(error, _Ended) else error
        if isinstance(error, ActionFailed):
            return error
        name = self.server.name
        if isinstance(error, TimeoutError):
            said = f"{name} did not answer within {self.seconds:g} s."
            return self._doubtful(said, repeatable)
        if isinstance(error, _Ended | httpx2.TransportError) or _code(error) == CONNECTION_CLOSED:
            self._is_broken = True
            return self._gone(error, repeatable)
        if isinstance(self.peer, Web) and self.peer.status >= 400:
            return self._refused(self.peer, repeatable)
        if isinstance(error, MCPError | ValidationError | RuntimeError):
            said = (
                f": {error.message[:2000]}"
                if isinstance(error, MCPError)
                else f" answered what is not MCP: {str(error)[:500]}"
            )
            return Answered(self._clean(f"{name}{said}"))
        return self._doubtful(f"{name} broke off ({type(error).__name__}).", repeatable)

    def _refused(self, peer: Web, repeatable: bool) -> ActionFailed:
        again = peer.status in (429, 503) or (repeatable and peer.status >= 500)
        at_fault = peer.status == 429 or peer.status >= 500
        return ActionFailed(peer.refused(), retryable=again, host=peer.host if at_fault else "")

    def _gone(self, error: Exception, repeatable: bool) -> ActionFailed:
        """The connection ended: what the transport knows of it says more than the SDK."""
        if isinstance(self.peer, Child):
            return self._doubtful(f"{self.server.name} {self.peer.why()}.", repeatable)
        failure = self.peer.failure
        if isinstance(failure, ActionFailed):
            return failure
        never_sent = isinstance(failure, httpx2.ConnectError | httpx2.ConnectTimeout)
        said = error.message[:300] if isinstance(error, MCPError) else ""
        return self._doubtful(self.peer.why(said), repeatable or never_sent)

    def _doubtful(self, message: str, repeatable: bool) -> ActionFailed:
        message = self._clean(message)
        if repeatable:
            return ActionFailed(message, retryable=True, host=self.host)
        return InDoubt(
            f"{message} Whether the tool did its work is not known, so it is not used again.",
            host=self.host,
        )

    def _clean(self, message: str) -> str:
        return redact_text(message, known=secrets_of(self.server))


async def _believed(_name: str, _result: Any) -> None:
    """In place of the SDK's check of structured results."""


def _code(error: Exception) -> int | None:
    return error.code if isinstance(error, MCPError) else None


def _leaf(error: BaseException | None) -> Exception | None:
    """What ended a session: of a group, what an ActionFailed in it says, else its first."""
    if isinstance(error, BaseExceptionGroup):
        leaves = [leaf for one in error.exceptions if (leaf := _leaf(one)) is not None]
        told = (leaf for leaf in leaves if isinstance(leaf, ActionFailed))
        return next(told, leaves[0] if leaves else None)
    return error if isinstance(error, Exception) else None
