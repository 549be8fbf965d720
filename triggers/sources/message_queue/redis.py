"""Redis and Valkey: a list, a stream with a consumer group, or a channel, which may miss messages.

Items of a list move to a list of this trigger's own while they are made events. How many of its head have been stored
stands in the state that is stored with them; a mark in Redis says up to which batch they were taken off. So each item
becomes one event, whatever dies in between, although items have no ids.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any

import redis.asyncio as redis
from redis.exceptions import RedisError, ResponseError

from triggers.sources.message_queue import address, kinds, redis_wire, redis_words
from triggers.sources.message_queue.kinds import Kind, Message, Queue
from triggers.watching import SourceFailed, State

_TIMEOUT_SECONDS = 15.0  # more than any call here blocks
_LONGEST_BLOCK = 5.0
_FIELD = "body"  # of a stream's entry: the message, where it has one
# KEYS: list, mark. ARGV: batch, how many, the mark after which this batch was stored ('' where there was none). What a
# batch took off is taken off once, and never where the mark is another: then somebody else has gone on, or Redis has
# lost what it knew. Such items may become events again; none is dropped.
_TAKE_OFF = """
local mark = redis.call('GET', KEYS[2])
if mark == ARGV[1] then return 1 end
if (mark or '') ~= ARGV[3] then return 0 end
redis.call('LTRIM', KEYS[1], ARGV[2], -1)
redis.call('SET', KEYS[2], ARGV[1])
return 1
"""


class _Redis(Queue):
    """The connection; what is taken from it is each mode's own."""

    client: redis.Redis

    async def open(self) -> None:
        (host,) = await address.admitted(self.address)
        self.client = redis_wire.client(self.address, host, seconds=_TIMEOUT_SECONDS)
        await self.client.ping()
        await self._begin()

    async def _begin(self) -> None:
        """What is left from before."""

    async def close(self) -> None:
        if hasattr(self, "client"):
            await self.client.aclose()

    @property
    def key(self) -> str:
        return str(self.config["queue_name"])


class RedisList(_Redis):
    _mark = ""
    _taken = 0  # of our own list's head, and not acknowledged yet

    async def _begin(self) -> None:
        if batch := self.state.get("batch"):
            await self._take_off(
                batch, int(self.state.get("count", 0)), after=str(self.state.get("after", ""))
            )
        self._mark = (await self._call(self.client.get(f"{self.own}:mark")) or b"").decode()

    @property
    def own(self) -> str:
        return f"{self.key}:{self.name}"

    async def take(self, most: int, *, wait: float) -> list[Message]:
        if waiting := await self._head(most):
            return waiting
        side = "RIGHT" if self.config.get("take_from") == "right" else "LEFT"
        first = await self._call(
            self.client.blmove(self.key, self.own, min(wait, _LONGEST_BLOCK), side, "RIGHT")  # type: ignore[arg-type]
        )
        if first is None:
            return []
        if most > 1:
            async with self.client.pipeline(transaction=False) as pipe:
                for _ in range(most - 1):
                    pipe.lmove(self.key, self.own, side, "RIGHT")
                await pipe.execute()
        return await self._head(most)

    async def _head(self, most: int) -> list[Message]:
        """The head of our own list is what is stored next, whoever moved it there: a consumer that was taken for dead
        may have, when it woke up.
        """
        last = self._taken + most - 1
        found = await self._call(self.client.lrange(self.own, self._taken, last))
        self._taken += len(found)
        return [Message(bytes(one)) for one in found]

    def state_after(self, messages: Sequence[Message]) -> State:
        self._batch = str(uuid.uuid4())
        return {"batch": self._batch, "after": self._mark, "count": len(messages)}

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        if not await self._take_off(self._batch, len(messages), after=self._mark):
            raise SourceFailed(
                "Somebody else has read on in this list, or Redis has lost its mark."
            )
        self._mark = self._batch
        self._taken -= len(messages)

    async def _take_off(self, batch: str, count: int, *, after: str) -> bool:
        """Whether the batch is off now."""
        mark = f"{self.own}:mark"
        asked = self.client.eval(_TAKE_OFF, 2, self.own, mark, batch, str(count), after)
        return bool(await self._call(asked))

    async def depth(self) -> int | None:
        return int(await self._call(self.client.llen(self.key)))

    @staticmethod
    async def _call(answer: Any) -> Any:
        return await answer


class RedisStream(_Redis):
    _is_behind = True  # entries that were delivered before and not acknowledged come first
    _last = "0"

    @property
    def group(self) -> str:
        return str(self.config.get("consumer_group") or self.name)

    async def _begin(self) -> None:
        """A group that was there and is gone has lost its stream with it: all that is there now is new."""
        is_lost = bool(self.state.get("group"))
        start = "0" if is_lost or self.config.get("start_at") == "oldest" else "$"
        try:
            await self.client.xgroup_create(self.key, self.group, id=start, mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def begun(self) -> State:
        return {"group": self.group}

    def state_after(self, messages: Sequence[Message]) -> State:
        return self.begun()

    async def take(self, most: int, *, wait: float) -> list[Message]:
        block = max(1, int(min(wait, _LONGEST_BLOCK) * 1000))
        after = self._last if self._is_behind else ">"
        answer = await self.client.xreadgroup(
            self.group, self.name, {self.key: after}, count=most, block=block
        )
        entries = _entries(answer)
        if self._is_behind:
            if not entries:
                self._is_behind = False
                return await self.take(most, wait=wait)
            self._last = entries[-1][0].decode()
        return [_of_entry(pk.decode(), fields) for pk, fields in entries]

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        await self.client.xack(self.key, self.group, *[one.id for one in messages])

    async def depth(self) -> int | None:
        groups = await self.client.xinfo_groups(self.key)
        mine = [one for one in groups if one["name"] == self.group.encode()]
        return mine[0].get("lag") if mine else None


def _entries(answer: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Of one stream, in either protocol's form; a deleted entry comes without fields."""
    if not answer:
        return []
    found = answer[0][1] if isinstance(answer, list) else next(iter(answer.values()))[0]
    return [(pk, fields or {}) for pk, fields in found]


def _of_entry(pk: str, fields: dict[bytes, bytes]) -> Message:
    texts = {name.decode("utf-8", "replace"): value for name, value in fields.items()}
    sent_at = kinds.moment(int(pk.partition("-")[0]))
    if _FIELD in texts:
        headers = {n: v.decode("utf-8", "replace") for n, v in texts.items() if n != _FIELD}
        return Message(texts[_FIELD], pk, headers, sent_at)
    return Message({n: v.decode("utf-8", "replace") for n, v in texts.items()}, pk, {}, sent_at)


class RedisChannel(_Redis):
    """Pub/sub: what is sent while nobody is connected is lost, and Redis cannot tell."""

    async def _begin(self) -> None:
        self._channel = self.client.pubsub(ignore_subscribe_messages=True)
        if any(letter in self.key for letter in "*?["):
            await self._channel.psubscribe(self.key)
        else:
            await self._channel.subscribe(self.key)

    async def take(self, most: int, *, wait: float) -> list[Message]:
        found: list[Message] = []
        until = asyncio.get_running_loop().time() + wait
        while len(found) < most:
            left = max(0.001, until - asyncio.get_running_loop().time()) if not found else 0.001
            answer = await self._channel.get_message(timeout=left)
            if answer is None:
                if found or asyncio.get_running_loop().time() >= until:
                    break
                continue
            found.append(
                Message(
                    answer["data"],
                    headers={"channel": answer["channel"].decode("utf-8", "replace")},
                )
            )
        return found

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        """There is nobody who waits for it."""

    async def close(self) -> None:
        if hasattr(self, "_channel"):
            await self._channel.aclose()  # type: ignore[no-untyped-call]
        await super().close()


_MODES: dict[str, type[_Redis]] = {"list": RedisList, "stream": RedisStream, "pubsub": RedisChannel}


class RedisQueue(Queue):
    """The mode that the configuration names."""

    def __init__(self, config: dict[str, Any], at: address.Address, **more: Any) -> None:
        super().__init__(config, at, **more)
        self._mode = _MODES[str(config.get("redis_mode", "list"))](config, at, **more)

    async def open(self) -> None:
        try:
            await self._mode.open()
        except ResponseError as error:
            raise SourceFailed(redis_words.refusal(error, self._mode.key)) from error
        except RedisError as error:
            raise SourceFailed(redis_words.no_answer(error, self.address.place)) from error

    def begun(self) -> State:
        return self._mode.begun()

    async def take(self, most: int, *, wait: float) -> list[Message]:
        try:
            return await self._mode.take(most, wait=wait)
        except ResponseError as error:
            raise SourceFailed(redis_words.refusal(error, self._mode.key)) from error

    def state_after(self, messages: Sequence[Message]) -> State:
        return self._mode.state_after(messages)

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        await self._mode.acknowledge(messages)

    async def depth(self) -> int | None:
        return await self._mode.depth()

    async def close(self) -> None:
        await self._mode.close()


kinds.registry.register(
    "redis",
    Kind(
        "redis",
        "Redis",
        RedisQueue,
        ("redis", "rediss"),
        6379,
        "redis://user:password@queue.example.org:6379/0",
    ),
)
