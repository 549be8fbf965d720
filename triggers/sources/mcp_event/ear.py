"""The connection of a watcher: how it subscribes in either era of the protocol, and what it hears."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from itertools import islice
from typing import Any

from mcp.client.extension import ClientExtension, NotificationBinding
from mcp.client.session import IncomingMessage
from mcp.client.subscriptions import ListenNotSupportedError, ResourceUpdated
from mcp.shared.exceptions import MCPError
from mcp_types import (
    EmptyResult,
    LoggingMessageNotification,
    PromptListChangedNotification,
    ResourceListChangedNotification,
    ResourceUpdatedNotification,
    SetLevelRequest,
    SetLevelRequestParams,
    SubscribeRequest,
    SubscribeRequestParams,
    ToolListChangedNotification,
)
from pydantic import BaseModel, ConfigDict

from agents.actions import ActionFailed
from agents.mcp.session import Session
from agents.models import McpServer
from config.lib import json
from triggers.sources.mcp_event import telling
from triggers.sources.mcp_event.comparing import Comparison, listed
from triggers.watching import SourceFailed, State

MAX_WAITING = 1000  # messages that were heard and not stored yet
MAX_WAITING_BYTES = 16 * 1024 * 1024  # of them together, as they are stored
MAX_HINTS, MAX_URI = (
    1000,
    2000,
)  # resources that may have changed; one that is lost is found by the next comparison
_LISTEN = {
    "resource_list_changed": "resources_list_changed",
    "tool_list_changed": "tools_list_changed",
    "prompt_list_changed": "prompts_list_changed",
}
_LISTS: dict[str, Any] = {
    "resource_list_changed": ResourceListChangedNotification,
    "tool_list_changed": ToolListChangedNotification,
    "prompt_list_changed": PromptListChangedNotification,
}


class _Params(BaseModel):
    """Of a notification that the protocol does not know."""

    model_config = ConfigDict(extra="allow")


class _Own(ClientExtension):
    """Lets the SDK give us a server's own notification, which else it drops."""

    identifier = "dev.triggerfish/events"

    def __init__(self, method: str, hear: Any) -> None:
        self._binding = NotificationBinding(method=method, params_type=_Params, handler=hear)

    def notifications(self) -> tuple[NotificationBinding[Any], ...]:
        return (self._binding,)


class Ear:
    """`stirred` is set when there is something: what is told as it is in `heard`, else what `take_dirty` answers."""

    def __init__(self, server: McpServer, event: str, uris: list[str]) -> None:
        self.server, self.event, self._uris = server, event, uris
        self.stirred = asyncio.Event()
        self._waiting: deque[tuple[dict[str, Any], int]] = deque()  # with their sizes
        self._waiting_bytes = 0
        self.note = ""
        self._dirty: set[str] = set()
        self._following: asyncio.Task[None] | None = None
        self._subscribed: set[str] = set()
        self._overrun = False
        self.session = self._session(is_old=self._is_stream)

    @property
    def _is_stream(self) -> bool:
        """Whether it hears what cannot be compared, which the older era brings by itself."""
        return self.event not in (telling.UPDATED, *telling.LISTS)

    def _session(self, *, is_old: bool) -> Session:
        options: dict[str, Any] = {"mode": "legacy"} if is_old else {}
        if self.event not in telling.KNOWN:
            options["extensions"] = [_Own(method_of(self.event), self._hear_own)]
        return Session(self.server, hear=self._hear, **options)

    def comparison(self, of: str, state: State) -> Comparison | None:
        if self._is_stream:
            return None
        return Comparison.of_state(self.event, self.server.name, of, state)

    async def open(self) -> None:
        """Raises ActionFailed."""
        await self.session.open()
        if self.event == telling.LOG:
            await self._set_level()
        elif not self._is_stream:
            await self._subscribe()

    async def close(self) -> None:
        if self._following is not None:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait({self._following}, timeout=5)
        await self.session.close()

    def refuse_if_lost(self) -> None:
        """Raises SourceFailed where nothing will be heard any more."""
        if self._following is not None and self._following.done():
            raise SourceFailed(f"{self.server.name} ended the subscription.")
        if self._overrun:
            raise SourceFailed(f"{self.server.name} sent more than could be stored; some is lost.")
        if not self.session.is_open or self.session.peer.is_lost():
            raise SourceFailed(f"The connection to {self.server.name} was lost.")

    def heard(self, most: int) -> list[dict[str, Any]]:
        """The oldest messages that are not stored yet."""
        return [values for values, _ in islice(self._waiting, most)]

    def forget(self, count: int) -> None:
        """The oldest have been stored."""
        for _ in range(count):
            self._waiting_bytes -= self._waiting.popleft()[1]

    def take_dirty(self) -> set[str]:
        taken, self._dirty = self._dirty, set()
        return taken

    async def uris(self) -> list[str]:
        """The resources that are compared; new ones are subscribed to."""
        if self.event != telling.UPDATED:
            return []
        found = self._uris or await listed(self.session)
        if self._following is None and set(found) - self._subscribed:
            await self._subscribe_old(found)
        elif self._following is not None and set(found) - self._subscribed:
            await self._subscribe()
        return found

    async def ping(self) -> None:
        """Whether it still answers. A server without tools is not asked."""
        if self.session.client.server_capabilities.tools is not None:
            await self.session.tools()

    # --- subscribing ------------------------------------------------------------------------------

    async def _subscribe(self) -> None:
        found = self._uris or (await listed(self.session) if self.event == telling.UPDATED else [])
        if await self._follow(found):
            self._subscribed = set(found)
        elif self.event == telling.UPDATED:
            await self._subscribe_old(found)

    async def _follow(self, uris: list[str]) -> bool:
        """Listens as in 2026; false where the server is older or does not offer it."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait({self._following}, timeout=5)
        wanted: dict[str, Any] = (
            {_LISTEN[self.event]: True}
            if self.event in _LISTEN
            else {"resource_subscriptions": uris}
        )
        begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._following = asyncio.create_task(self._hear_stream(wanted, begun))
        try:
            await self.session.within(asyncio.shield(begun))
        except (ListenNotSupportedError, MCPError) as error:
            self._following = None
            if isinstance(error, MCPError) and not self.session.is_of_server(error):
                raise self.session.failed(error, repeatable=True) from error
            if isinstance(error, MCPError):
                self._say_no_hints()
            return False
        except Exception as error:
            raise self.session.failed(error, repeatable=True) from error
        return True

    async def _hear_stream(self, wanted: dict[str, Any], begun: asyncio.Future[None]) -> None:
        try:
            async with self.session.client.listen(**wanted) as events:
                begun.set_result(None)
                async for event in events:
                    self._stir(event.uri if isinstance(event, ResourceUpdated) else "")
        except Exception as error:  # noqa: BLE001 - the one who waits, or `refuse_if_lost`, tells of it
            if not begun.done():
                begun.set_exception(error)
        finally:
            self.stirred.set()

    async def _subscribe_old(self, uris: list[str]) -> None:
        resources = self.session.client.server_capabilities.resources
        if resources is None or not resources.subscribe:
            self._say_no_hints()
            return
        for uri in uris:
            if uri not in self._subscribed:
                asked = SubscribeRequest(params=SubscribeRequestParams(uri=uri))
                await self.session.ask(self.session.client.session.send_request(asked, EmptyResult))
                self._subscribed.add(uri)

    async def _set_level(self) -> None:
        if self.session.client.server_capabilities.logging is None:
            return  # it may tell all the same
        asked = SetLevelRequest(params=SetLevelRequestParams(level="debug"))
        with suppress(ActionFailed):
            await self.session.ask(self.session.client.session.send_request(asked, EmptyResult))

    def _say_no_hints(self) -> None:
        self.note = "The server does not tell of changes, so it is asked now and then."

    # --- hearing ----------------------------------------------------------------------------------

    async def _hear(self, message: IncomingMessage) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            if self.event == telling.UPDATED:
                self._stir(str(message.params.uri))
        elif isinstance(message, LoggingMessageNotification):
            if self.event == telling.LOG:
                said = message.params
                self._take({"level": said.level, "logger": said.logger or "", "data": said.data})
        elif isinstance(message, _LISTS.get(self.event, ())):
            self._stir("")

    async def _hear_own(self, params: _Params) -> None:
        values = {name: value for name, value in params.model_dump().items() if name != "_meta"}
        self._take({"name": self.event, "params": values})

    def _take(self, values: dict[str, Any]) -> None:
        clean = json.sanitise(values)
        size = len(json.dumps(clean))
        if len(self._waiting) >= MAX_WAITING or self._waiting_bytes + size > MAX_WAITING_BYTES:
            self._overrun = True
        else:
            self._waiting.append((clean, size))
            self._waiting_bytes += size
        self.stirred.set()

    def _stir(self, uri: str) -> None:
        if len(self._dirty) < MAX_HINTS and len(uri) <= MAX_URI:
            self._dirty.add(uri)
        self.stirred.set()


def method_of(event: str) -> str:
    """`row_inserted` is sent as `notifications/row_inserted`; with a slash it is the method itself."""
    return event if "/" in event else f"notifications/{event}"
