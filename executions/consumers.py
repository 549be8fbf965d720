"""The websocket `/ws/live/`: hands notices on, sends a heartbeat with the newest number, listens to nothing but pings.

Closed with 4400 for anything else that is sent to it, 4401 without a session or ticket, 4403 outside the workspace,
4404 for a foreign agent, 4429 for flooding, 1009 for a long message, 1013 when the news cannot be followed now (come
back later). The origin is checked before this, in `config.asgi`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from typing import Any
from urllib.parse import parse_qsl

import redis
from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from config.lib import json
from executions import live, numbering, seats

log = logging.getLogger(__name__)

MALFORMED, FLOODING, TOO_LONG, LATER = 4400, 4429, 1009, 1013
MAX_INBOUND_BYTES = 4096
MAX_INBOUND = 20  # messages in INBOUND_SECONDS
INBOUND_SECONDS = 10.0
SEND_SECONDS = (
    5.0  # a browser that takes longer to read is sent away, so that its news do not pile up here
)
FAREWELL_SECONDS = 1.0
HEARTBEAT_SECONDS = 2.0
CHECK_SECONDS = 55.0  # and a heartbeat: within a minute


class NowhereConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """What answers at any other address: 403 to the handshake."""

    async def connect(self) -> None:
        await self.close()


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One browser, or program, that follows a workspace."""

    seat: seats.Seat | None = None
    pulse: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        except (redis.RedisError, OSError) as error:
            log.warning("live socket without Redis", extra={"error": repr(error)})
            with contextlib.suppress(Exception):
                await send({"type": "websocket.close", "code": LATER})
        finally:
            await self.leave()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """News touch no database, so they are spared the clean-up of connections (a thread switch per message)."""
        if message["type"] == "live.notices":
            await self.live_notices(message)
        else:
            await super().dispatch(message)

    async def connect(self) -> None:
        await self.accept()  # only an accepted socket can tell the code that it is closed with
        self.inbound: deque[float] = deque(maxlen=MAX_INBOUND)
        query = dict(parse_qsl(self.scope["query_string"].decode("latin-1")))
        session_key = getattr(self.scope.get("session"), "session_key", None) or ""
        try:
            self.seat = await database_sync_to_async(seats.take)(
                session_key=session_key, query=query
            )
        except seats.Refused as refused:
            await self.close(refused.code)
            return
        await self.channel_layer.group_add(live.group(self.seat.workspace_id), self.channel_name)
        self.pulse = asyncio.create_task(self.beat(self.seat))

    async def leave(self) -> None:
        """However it ends: nothing of this socket stays behind."""
        if self.pulse:
            self.pulse.cancel()
        with contextlib.suppress(redis.RedisError, OSError):
            if self.seat:
                await self.channel_layer.group_discard(
                    live.group(self.seat.workspace_id), self.channel_name
                )
            if hasattr(self, "channel_name"):  # else Redis was away from the beginning
                await self.channel_layer.forget(self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        now = time.monotonic()
        flooding = len(self.inbound) == MAX_INBOUND and now - self.inbound[0] < INBOUND_SECONDS
        self.inbound.append(now)
        if flooding:
            await self.close(FLOODING)
        elif len(text_data or bytes_data or "") > MAX_INBOUND_BYTES:
            await self.close(TOO_LONG)
        elif not _is_ping(text_data):
            await self.close(MALFORMED)
        elif self.seat:
            await self.tell_seq(self.seat)

    async def live_notices(self, message: dict[str, Any]) -> None:
        """From `executions.live`: `notices` is a list of (agent id or "", the text to send)."""
        wanted = self.seat.agent_id if self.seat else ""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                for agent_id, text in message["notices"]:
                    if not wanted or agent_id in {wanted, ""}:
                        await self.send(text_data=text)
        except TimeoutError:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_SECONDS):  # it does not read: not this either
                    await self.close(LATER)
            raise StopConsumer from None

    async def beat(self, seat: seats.Seat) -> None:
        """The heartbeat, and every minute the question whether this person may still listen."""
        checked_at = time.monotonic()
        try:
            while True:
                await self.tell_seq(seat)
                await asyncio.sleep(HEARTBEAT_SECONDS)
                if time.monotonic() - checked_at >= CHECK_SECONDS:
                    await database_sync_to_async(seats.check)(seat)
                    checked_at = time.monotonic()
        except seats.Refused as refused:
            await self.close(refused.code)
        except Exception as error:  # noqa: BLE001 - the socket is gone, or the database: the page comes again
            log.info("live socket let go", extra={"error": repr(error)})
            with contextlib.suppress(Exception):
                await self.close(LATER)

    async def tell_seq(self, seat: seats.Seat) -> None:
        """`seq` is null while Redis is away: the page knows that it may miss something."""
        seq = await numbering.latest(seat.workspace_id)
        await self.send(text_data=json.dumps({"type": "heartbeat", "seq": seq}).decode())


def _is_ping(text: str | None) -> bool:
    try:
        return text is not None and json.loads(text) == {"type": "ping"}
    except json.InvalidJSON:
        return False
