"""From messages to events: take, store, and only then acknowledge.

What is acknowledged has been stored; what was stored and not acknowledged comes again and is known by its id, or by the
state that was stored with it. A message that cannot be made an event is put aside as a dead letter: at once where it
cannot be read, after five tries where it cannot be stored.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import time
import uuid
from collections.abc import Coroutine, Sequence
from typing import Any

from django.db import InterfaceError, OperationalError

from config.lib import json
from triggers import event_types
from triggers.leases import LeaseLost
from triggers.sources.message_queue import address, keys, kinds
from triggers.sources.message_queue.kinds import WAIT_SECONDS, Message, Queue
from triggers.watching import Door, Received, SourceFailed, State, Watcher

log = logging.getLogger(__name__)

AT_ONCE = 100  # messages of one transaction, where each is an event of its own
GATHER_SECONDS = 1.0  # how long a batch waits for its last message
DEPTH_EVERY_SECONDS = 10.0
TRY_AGAIN_SECONDS = 0.2
STOP_SECONDS = 5.0  # less than a listener waits for all that it ends
LARGEST = json.MAX_STORED_BYTES

_FIELDS: dict[str, Any] = {
    "body": {"title": "Body"},
    "headers": {"type": "object", "title": "Headers"},
    "message_id": {"type": "string", "title": "Id of the message"},
    "queue": {"type": "string", "title": "Queue"},
    "queue_type": {"type": "string", "title": "Kind of queue"},
    "content_type": {"type": "string", "title": "Content type"},
    "sent_at": {"type": ["string", "null"], "title": "Sent at"},
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        **_FIELDS,
        "messages": {"type": "array", "title": "Messages of a batch"},
        "count": {"type": "integer", "title": "How many"},
    },
}
SAMPLE: dict[str, Any] = {
    "body": {"order": {"id": 17, "total": 120}},
    "headers": {"source": "shop"},
    "message_id": "1526919030474-55",
    "queue": "orders",
    "queue_type": "redis",
    "content_type": "application/json",
    "sent_at": "2026-01-05T09:00:00Z",
}
RECEIVED = event_types.register(
    "message_received",
    label="Message received",
    schema=SCHEMA,
    sample=SAMPLE,
    source="message_queue",
    group="Queues",
    told_to="message_queue",
)


class Unreadable(ValueError):
    """The message can never become an event."""


class QueueWatcher(Watcher):
    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.kind = kinds.registry.get(str(config["queue_type"]))
        self.batch = int(config.get("batch_size", 1))
        self.at = address.parse(
            config["connection_url"], schemes=self.kind.schemes, port=self.kind.port
        )
        self.place = keys.of_place(config, self.at)

    async def watch(self, door: Door) -> None:
        if self.kind.module:
            kinds.client(self.kind.module)
        state = door.state if door.state.get("of") == self._of() else {}
        queue = self.kind.queue(
            self.config, self.at, name=f"triggerfish-{door.trigger.pk}", state=state
        )
        try:
            await self._open(queue)
            if (begun := queue.begun()) and not state:
                await door.store([], state=begun | {"of": self._of()})
            await door.works()
            if queue.note:
                await door.note(queue.note)
            await self._pump(queue, door)
        finally:
            with contextlib.suppress(Exception):
                await queue.close()

    async def _open(self, queue: Queue) -> None:
        """The peers' own words may hold addresses and passwords: only their kind is told."""
        try:
            await queue.open()
        except (SourceFailed, asyncio.CancelledError):
            raise
        except Exception as error:
            log.warning("a queue cannot be opened", extra={"why": type(error).__name__})
            raise SourceFailed(
                f"{self.kind.label} at {queue.address.place.host}:{queue.address.place.port} cannot be reached "
                f"({type(error).__name__})."
            ) from error

    async def _pump(self, queue: Queue, door: Door) -> None:
        looked_at = 0.0
        while True:
            messages = await self._take(queue)
            if messages and self.config.get("ack_mode") == "manual":
                await self._take_in(queue, door, messages)
            elif messages:
                await _to_its_end(self._take_in(queue, door, messages))
            if time.monotonic() - looked_at > DEPTH_EVERY_SECONDS:
                looked_at = time.monotonic()
                await door.waiting(await queue.depth())

    async def _take(self, queue: Queue) -> list[Message]:
        """A batch waits a moment for its last message; single ones go on as they come."""
        try:
            if self.batch == 1:
                return await queue.take(AT_ONCE, wait=WAIT_SECONDS)
            found = await queue.take(self.batch, wait=WAIT_SECONDS)
            until = time.monotonic() + GATHER_SECONDS
            while 0 < len(found) < self.batch and time.monotonic() < until:
                left = max(0.05, until - time.monotonic())
                found += await queue.take(self.batch - len(found), wait=left)
            return found
        except (SourceFailed, asyncio.CancelledError):
            raise
        except Exception as error:
            raise SourceFailed(
                f"The connection to {self.kind.label} was lost ({type(error).__name__})."
            ) from error

    async def _take_in(self, queue: Queue, door: Door, messages: list[Message]) -> None:
        known = set(door.state.get("last", ())) if self.batch > 1 else set()
        fresh = [one for one in messages if not one.id or keys.of_message(one) not in known]
        readable = [one for one in fresh if await self._is_readable(door, one)]
        try:
            ids = await self._store(queue, door, readable, taken=messages)
        except (LeaseLost, OperationalError, InterfaceError, SourceFailed):
            raise
        except Exception:
            log.exception("messages could not be stored together, trying each alone")
            await self._one_by_one(queue, door, messages, {id(one) for one in readable})
            return
        if self.config.get("ack_mode") == "manual":
            await door.ended(ids)
        await queue.acknowledge(messages)

    async def _store(
        self, queue: Queue, door: Door, readable: Sequence[Message], *, taken: Sequence[Message]
    ) -> list[uuid.UUID]:
        """`taken`: all that is to be acknowledged after this."""
        state: State = queue.state_after(taken)
        if self.batch > 1:
            state = state | {"last": [keys.of_message(one) for one in taken if one.id]}
        received = self._received(readable)
        if not received and not state:
            return []
        return await door.store(received, state=state | {"of": self._of()} if state else None)

    def _received(self, messages: Sequence[Message]) -> list[Received]:
        if not messages:
            return []
        if self.batch == 1:
            return [
                Received(
                    self._payload(one),
                    RECEIVED.name,
                    key=keys.of_event(one, self.place),
                    sent_at=one.sent_at,
                )
                for one in messages
            ]
        told = [self._payload(one) for one in messages]
        key = keys.of_batch(messages, self.place)
        sent = [one.sent_at for one in messages if one.sent_at]
        payload = {
            "messages": told,
            "count": len(told),
            "queue": self.config["queue_name"],
            "queue_type": self.kind.name,
        }
        return [Received(payload, RECEIVED.name, key=key, sent_at=max(sent, default=None))]

    async def _one_by_one(
        self, queue: Queue, door: Door, messages: Sequence[Message], readable: set[int]
    ) -> None:
        """Each in a transaction of its own, in their order, so that the one that cannot be stored stays alone."""
        for message in messages:
            alone = [message] if id(message) in readable else []
            while True:
                try:
                    await self._store(queue, door, alone, taken=[message])
                    break
                except (LeaseLost, OperationalError, InterfaceError, SourceFailed):
                    raise
                except Exception as error:  # noqa: BLE001 - whatever it is, it is this message's
                    said = f"It could not be stored ({type(error).__name__})."
                    if await _bury(door, message, said, at_once=False):
                        await self._store(queue, door, [], taken=[message])
                        break
                    await asyncio.sleep(TRY_AGAIN_SECONDS)
            await queue.acknowledge([message])

    async def _is_readable(self, door: Door, message: Message) -> bool:
        try:
            self._payload(message)
        except Unreadable as error:
            await _bury(door, message, str(error), at_once=True)
            return False
        return True

    def _payload(self, message: Message) -> dict[str, Any]:
        return {
            **self._body(message),
            "headers": message.headers,
            "message_id": message.id,
            "queue": self.config["queue_name"],
            "queue_type": self.kind.name,
            "content_type": message.content_type,
            "sent_at": json.timestamp(message.sent_at) if message.sent_at else None,
            **message.more,
        }

    def _body(self, message: Message) -> dict[str, Any]:
        """`{"body": ...}` as the trigger asks for it. Bytes that are no text come in base64, and say so."""
        body = message.body
        if isinstance(body, dict):
            return {"body": body}
        if len(body) > LARGEST:
            raise Unreadable(
                f"A message may have at most {LARGEST} bytes; this one has {len(body)}."
            )
        wanted = self.config.get("body_format", "auto")
        if wanted != "text":
            try:
                return {"body": json.loads(body)}
            except json.InvalidJSON as error:
                if wanted == "json":
                    raise Unreadable(f"The body is not valid JSON: {error}.") from None
        try:
            return {"body": body.decode()}
        except UnicodeDecodeError:
            return {"body": base64.b64encode(body).decode(), "body_encoding": "base64"}

    def _of(self) -> str:
        return keys.of_state(self.config, self.at)


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Who is to stop still acknowledges what is being stored: else messages without ids became events again."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        done, late = await asyncio.wait([task], timeout=STOP_SECONDS)
        for one in late:
            one.cancel()
        for error in (one.exception() for one in done if not one.cancelled()):
            if error:
                log.warning("the last messages come again", extra={"why": type(error).__name__})
        raise


async def _bury(door: Door, message: Message, error: str, *, at_once: bool) -> bool:
    body = message.body if isinstance(message.body, bytes) else json.dumps(message.body)
    return await door.bury(
        keys.of_message(message), error, body=body, headers=message.headers, at_once=at_once
    )
