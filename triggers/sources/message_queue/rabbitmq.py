"""RabbitMQ, over AMQP 0.9.1. The queue must be there already; unacknowledged messages come again.

A message without `message_id` has nothing that it is known by: after a crash between storing and acknowledging it may
become a second event.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from triggers.sources.message_queue import address, kinds, rabbitmq_frames
from triggers.sources.message_queue.kinds import Kind, Message, Queue
from triggers.watching import SourceFailed

_CONNECT_SECONDS = 10


class RabbitQueue(Queue):
    async def open(self) -> None:
        aio_pika = kinds.client("aio_pika")
        rabbitmq_frames.read_whatever_comes()
        (host,) = await address.admitted(self.address)
        self._got: asyncio.Queue[Any] = asyncio.Queue()
        self._connection = aio_pika.Connection(self._url(host))
        if self.address.scheme == "amqps":  # the certificate is asked of the name
            self._connection.kwargs["server_hostname"] = self.address.place.host
        await self._connection.connect(timeout=_CONNECT_SECONDS)
        self._connection.close_callbacks.add(self._lost)
        self._channel = await self._connection.channel(publisher_confirms=False)
        self._channel.close_callbacks.add(self._lost)
        wire = await self._channel.get_underlay_channel()
        wire.on_consumer_cancel_callbacks.add(
            self._lost
        )  # its queue is gone, or led by another node
        await self._channel.set_qos(
            prefetch_count=max(200, 2 * int(self.config.get("batch_size", 1)))
        )
        name = str(self.config["queue_name"])
        try:
            self._queue = await self._channel.get_queue(name, ensure=True)
        except aio_pika.exceptions.ChannelClosed as error:
            raise SourceFailed(f"RabbitMQ has no queue {name!r} that we may read.") from error
        await self._queue.consume(self._got.put)

    def _url(self, host: str) -> str:
        """With the checked address in place of the name, which may lead elsewhere a moment later."""
        at = self.address
        named = f"[{host}]" if ":" in host else host
        who = f"{quote(at.user or 'guest', safe='')}:{quote(at.password or 'guest', safe='')}"
        return f"{at.scheme}://{who}@{named}:{at.place.port}/{at.path}?heartbeat=20"

    def _lost(self, *_: Any) -> None:
        self._got.put_nowait(None)

    async def take(self, most: int, *, wait: float) -> list[Message]:
        try:
            found = [await asyncio.wait_for(self._got.get(), wait)]
        except TimeoutError:
            return []
        while len(found) < most and not self._got.empty():
            found.append(self._got.get_nowait())
        if None in found:
            raise SourceFailed("RabbitMQ has ended the reading, or the connection was lost.")
        return [_message(one) for one in found]

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        """All up to the newest one: they were taken in order."""
        await messages[-1].handle.ack(multiple=True)

    async def depth(self) -> int | None:
        answer = await self._channel.get_queue(str(self.config["queue_name"]), ensure=True)
        return int(answer.declaration_result.message_count or 0)

    async def close(self) -> None:
        if hasattr(self, "_connection"):
            await asyncio.wait_for(self._connection.close(), 5)


def _message(one: Any) -> Message:
    sent = one.timestamp
    if isinstance(sent, dt.datetime) and sent.tzinfo is None:
        sent = sent.replace(tzinfo=dt.UTC)
    return Message(
        body=one.body,
        id=str(one.message_id or ""),
        headers={str(name): _plain(value) for name, value in (one.headers or {}).items()},
        sent_at=sent if isinstance(sent, dt.datetime) else None,
        content_type=str(one.content_type or ""),
        handle=one,
        more={"routing_key": one.routing_key or "", "redelivered": bool(one.redelivered)},
    )


def _plain(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


kinds.registry.register(
    "rabbitmq",
    Kind(
        "rabbitmq",
        "RabbitMQ",
        RabbitQueue,
        ("amqp", "amqps"),
        5672,
        "amqp://user:password@queue.example.org:5672/",
        module="aio_pika",
    ),
)
