"""One trigger's server, being listened to: compared at first, and again whenever the server hints at a change.

In the era of 2026 it listens (`subscriptions/listen`); in the older one it subscribes to resources and hears the
standing stream, as log messages and a server's own notifications always do, which only that era brings by themselves.
What can be compared is compared after each connection and every MCP_RECHECK_SECONDS, so a hint that was lost costs time
and no event. Log messages and own notifications that are sent while nobody listens are lost: no server keeps them.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import time
import uuid
import weakref
from contextlib import suppress
from typing import Any

from cryptography.fernet import InvalidToken
from django.conf import settings

from agents.actions import ActionFailed
from agents.addresses import NotAllowed
from agents.models import McpServer
from config.lib import json, late
from config.lib.threads import in_thread
from triggers.sources.mcp_event import telling
from triggers.watching import Door, Received, SourceBroken, SourceFailed, Watcher

LOOK_SECONDS = (
    0.5  # how soon a change of the server's row is noticed; one query for all watchers of a process
)
REST_SECONDS = 0.05  # what comes together is looked at together
AT_ONCE = 100  # events of one transaction


class Begun(Exception):
    """The server's row was changed: begin anew."""


class McpWatcher(Watcher):
    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config

    async def watch(self, door: Door) -> None:
        while True:
            server = await in_thread(_server, door, str(self.config["server_name"]))
            with suppress(Begun):
                await self._listen(door, server)

    async def _listen(self, door: Door, server: McpServer) -> None:
        await late.imported("triggers.sources.mcp_event.ear")  # the SDK
        from triggers.sources.mcp_event.ear import Ear

        ear = Ear(server, str(self.config["event_type"]), wanted_uris(self.config))
        try:
            await ear.open()
            await Chase(door, server, ear, self._of(server)).run()
        except NotAllowed as error:
            raise SourceBroken(str(error)) from error
        except ActionFailed as error:
            raise SourceFailed(str(error)) from error
        finally:
            await ear.close()

    def _of(self, server: McpServer) -> str:
        """What is compared: where that changes, all is taken for known anew."""
        named = [str(server.pk), server.url, server.command, server.args]
        named += [self.config["event_type"], wanted_uris(self.config)]
        return hashlib.sha256(json.dumps(named)).hexdigest()[:32]


class Chase:
    """From the first comparison to the last."""

    def __init__(self, door: Door, server: McpServer, ear: Any, of: str) -> None:
        self.door, self.server, self.ear = door, server, ear
        self.comparison = ear.comparison(of, door.state)
        self._began = time.monotonic()
        self._look_at = 0.0  # when the next comparison of everything is due

    async def run(self) -> None:
        await self._compare(None)
        await self.door.works()
        if self.ear.note:
            await self.door.note(self.ear.note)
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ear.stirred.wait(), LOOK_SECONDS)
                await asyncio.sleep(REST_SECONDS)
            await self._tell()
            if time.monotonic() >= self._look_at:
                await self._compare(None)
            self.ear.refuse_if_lost()
            await self._refuse_if_changed()

    async def _refuse_if_changed(self) -> None:
        """Raises Begun where the server's row is gone, or newer than ours."""
        sight = _sights.setdefault(asyncio.get_running_loop(), _Sight())
        rows = await sight.rows_of_now()
        if sight.read_at > self._began and rows.get(self.server.pk) != self.server.updated_at:
            raise Begun

    async def _tell(self) -> None:
        self.ear.stirred.clear()
        while told := self.ear.heard(AT_ONCE):
            await self.door.store([self._received(one) for one in told])
            self.ear.forget(len(told))
        if dirty := self.ear.take_dirty():
            await self._compare(dirty)

    def _received(self, values: dict[str, Any]) -> Received:
        return telling.received(self.ear.event, self.server.name, values)

    async def _compare(self, dirty: set[str] | None) -> None:
        """`dirty`: resources; None: everything."""
        if self.comparison is None:
            await self.ear.ping()
        else:
            uris = await self.ear.uris()
            events, seen = await self.comparison.look(self.ear.session, uris, dirty)
            if events or self.comparison.is_first or seen != self.comparison.known:
                await self.door.store(events, state=self.comparison.state(seen))
                self.comparison.take(seen)
        if dirty is None:
            self._look_at = time.monotonic() + settings.MCP_RECHECK_SECONDS


def wanted_uris(config: dict[str, Any]) -> list[str]:
    """The resources that the filter names; none: all that the server lists."""
    uri = (config.get("filter") or {}).get("uri")
    return [uri] if isinstance(uri, str) and uri else []


def _server(door: Door, name: str) -> McpServer:
    try:
        found = McpServer.objects.filter(workspace=door.trigger.workspace_id, name=name).first()
    except InvalidToken:
        raise SourceBroken(
            "The server's secrets cannot be opened with the present FIELD_KEY."
        ) from None
    if found is None:
        raise SourceBroken(f"This workspace has no MCP server {name!r} any more.")
    return found


class _Sight:
    """When each server's row was changed, as this process read it last."""

    def __init__(self) -> None:
        self.read_at = 0.0
        self._rows: dict[uuid.UUID, dt.datetime] = {}
        self._lock = asyncio.Lock()

    async def rows_of_now(self) -> dict[uuid.UUID, dt.datetime]:
        async with self._lock:
            if time.monotonic() - self.read_at >= LOOK_SECONDS:
                began = time.monotonic()
                self._rows = await in_thread(_changes)
                self.read_at = began
            return self._rows


_sights: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Sight] = weakref.WeakKeyDictionary()


def _changes() -> dict[uuid.UUID, dt.datetime]:
    return dict(McpServer.objects.order_by().values_list("pk", "updated_at"))
