"""Kafka: a topic's partitions, read by one listener at a time, so no group has to be balanced.

How far it was read stands in the state that is stored with the events, and so each message becomes one event. It is
told to Kafka too, for those who watch the lag there. `kafka_brokers` guards where the cluster leads to. A topic that
was made anew counts from 0 again: it is known by the time of the message that was read last (`kafka_places`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from agents import addresses
from config.lib import json
from triggers.sources.message_queue import address, kafka_brokers, kafka_places, kinds
from triggers.sources.message_queue.address import Place
from triggers.sources.message_queue.kinds import Kind, Message, Queue
from triggers.watching import SourceBroken, SourceFailed, State

log = logging.getLogger(__name__)
T = TypeVar("T")

_ANSWER_SECONDS = 10.0
_LAST_SECONDS = 3.0  # for messages to come that stand last; there may be none, such as at the end of a transaction
_SLICE_SECONDS = 0.5  # how long the consumer's thread is away at a time
_PARTITIONS_EVERY = 60.0
_HEARD_EVERY_MS = 5_000


class KafkaQueue(Queue):
    async def open(self) -> None:
        self._kafka = kinds.client("confluent_kafka")
        self._hosts = await address.admitted(self.address)
        self._named: set[Place] = set()  # as the client has heard of them by now
        self._known = await self._look_at_brokers()
        self._offsets: dict[str, int] = dict(self.state.get("offsets", {}))
        self._stamps: dict[str, str] = dict(self.state.get("stamps", {}))  # of what was read last
        self._thread = ThreadPoolExecutor(1, "kafka")
        self._looked_at = 0.0
        self._consumer = await self._in_thread(lambda: self._kafka.Consumer(self._settings()))
        await self._in_thread(self._assign)

    async def _look_at_brokers(self) -> set[Place]:
        """Where the cluster leads to, all of it allowed."""
        protocol, mechanism = self._security()
        found = await kafka_brokers.named(
            self.address, self._hosts, group=self.group, protocol=protocol, mechanism=mechanism
        )
        await kafka_brokers.admit(self.address, found)
        return found

    async def _refuse_strangers(self) -> None:
        """The client connects to whatever the cluster names later on: that ends as soon as it is seen."""
        if strangers := self._named - self._known:
            await kafka_brokers.admit(self.address, strangers)
            self._known |= strangers

    def _heard(self, told: str) -> None:
        """The client's own figures name each broker that it knows: no call tells, and no network is asked."""
        brokers = json.loads(told.encode())["brokers"].values()
        places = (one["nodename"].rpartition(":") for one in brokers if one["nodeid"] >= 0)
        self._named = {
            Place(addresses.canonical(host.strip("[]")), int(port))
            for host, _, port in places
            if host
        }

    def begun(self) -> State:
        return self.state_after(())

    @property
    def group(self) -> str:
        return str(self.config.get("consumer_group") or self.name)

    def _security(self) -> tuple[str, str]:
        """The protocol, and how one logs in. Raises SourceBroken for what nobody here speaks."""
        at = self.address
        usual = ("SASL_" if at.user else "") + ("SSL" if at.scheme == "kafka+ssl" else "PLAINTEXT")
        protocol = at.options.get("security_protocol", usual).upper()
        mechanism = at.options.get("sasl_mechanism", "PLAIN").upper()
        for name, given, known in (
            ("security_protocol", protocol, kafka_brokers.PROTOCOLS),
            ("sasl_mechanism", mechanism, kafka_brokers.MECHANISMS),
        ):
            if given not in known:
                raise SourceBroken(f"`{name}` is one of {', '.join(known)}.")
        return protocol, mechanism

    def _bootstrap(self) -> str:
        """The checked addresses in place of the names; a certificate is checked against the name."""
        is_safe = self._security()[0].endswith("SSL")
        pairs = zip(self.address.places, self._hosts, strict=True)
        hosts = ((one.host if is_safe else host, one.port) for one, host in pairs)
        return ",".join(
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in hosts
        )

    def _settings(self) -> dict[str, Any]:
        at = self.address
        protocol, mechanism = self._security()
        found: dict[str, Any] = {
            "bootstrap.servers": self._bootstrap(),
            "group.id": self.group,
            "security.protocol": protocol,
            "stats_cb": self._heard,
            "statistics.interval.ms": _HEARD_EVERY_MS,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "socket.keepalive.enable": True,
            "queued.max.messages.kbytes": 16_384,
            "logger": log,
        }
        if not protocol.startswith("SASL"):
            return found
        return found | {
            "sasl.mechanism": mechanism,
            "sasl.username": at.user,
            "sasl.password": at.password,
        }

    def _assign(self) -> None:
        """Every partition from where the stored state is; else from where the group is; else as `start_at` says."""
        name = str(self.config["queue_name"])
        topic = self._consumer.list_topics(name, timeout=_ANSWER_SECONDS).topics[name]
        if topic.error is not None or not topic.partitions:
            raise SourceFailed(f"Kafka has no topic {name!r} that we may read.")
        known = [self._kafka.TopicPartition(name, number) for number in sorted(topic.partitions)]
        committed = self._consumer.committed(known, timeout=_ANSWER_SECONDS)
        ends = {
            str(one.partition): self._consumer.get_watermark_offsets(one, timeout=_ANSWER_SECONDS)
            for one in committed
        }
        gone = self._offsets.keys() - ends.keys()
        self._offsets = {str(one.partition): self._place(one, ends) for one in committed}
        if changed := self._changed(name, ends, has_shrunk=bool(gone)):
            self._offsets |= {number: ends[number][0] for number in changed}
            self._say_that_it_changed(name, changed)
        for one in committed:
            one.offset = self._offsets[str(one.partition)]
        self._consumer.assign(committed)
        self._partitions = len(committed)

    def _place(self, partition: Any, ends: Mapping[str, tuple[int, int]]) -> int:
        number = str(partition.partition)
        known = self._offsets.get(number, partition.offset)
        if known >= 0:
            return int(known)
        is_new_partition = getattr(self, "_partitions", 0) > 0
        from_start = is_new_partition or self.config.get("start_at") == "oldest"
        return int(ends[number][0 if from_start else 1])

    def _changed(
        self, name: str, ends: Mapping[str, tuple[int, int]], *, has_shrunk: bool
    ) -> list[str]:
        """Partitions that are not as they were read. Of the others it is known from here on what stands last."""
        lasts = [
            self._kafka.TopicPartition(name, int(number), offset - 1)
            for number, offset in self._offsets.items()
            if ends[number][0] < offset <= ends[number][1]
        ]
        found = kafka_places.stamps_at(self._consumer, lasts, seconds=_LAST_SECONDS)
        changed = kafka_places.changed(self._offsets, ends, self._stamps, found)
        if has_shrunk:  # which no topic does
            changed = set(ends)
        kept = ends.keys() - changed
        self._stamps = {n: one for n, one in (self._stamps | found).items() if n in kept}
        return sorted(changed, key=int)

    def _say_that_it_changed(self, name: str, changed: list[str]) -> None:
        self.note = (
            f"{name!r} is not as it was read: the topic was made anew, or has lost messages. "
            f"Read from its beginning: partition {', '.join(changed)}."
        )
        log.warning(
            "a topic is not as it was read, beginning anew",
            extra={"topic": name, "partitions": changed},
        )

    async def take(self, most: int, *, wait: float) -> list[Message]:
        loop = asyncio.get_running_loop()
        until = loop.time() + wait
        await self._look_for_partitions(loop.time())
        while True:
            left = min(_SLICE_SECONDS, max(0.01, until - loop.time()))
            found = await self._in_thread(partial(self._poll, most, left))
            await self._refuse_strangers()
            if found or loop.time() >= until:
                return found

    async def _look_for_partitions(self, now: float) -> None:
        if self._looked_at and now - self._looked_at > _PARTITIONS_EVERY:
            name = str(self.config["queue_name"])
            topic = await self._in_thread(
                lambda: self._consumer.list_topics(name, timeout=_ANSWER_SECONDS).topics[name]
            )
            if len(topic.partitions) != self._partitions:
                await self._in_thread(self._assign)
        if not self._looked_at or now - self._looked_at > _PARTITIONS_EVERY:
            self._looked_at = now

    def _poll(self, most: int, seconds: float) -> list[Message]:
        """One message may be waited for; the others are those that are there."""
        first = self._consumer.poll(seconds)
        if first is None:
            return []
        raw = [first, *(self._consumer.consume(most - 1, 0.01) if most > 1 else [])]
        found = []
        for one in raw:
            if (error := one.error()) is None:
                found.append(_message(one))
            elif error.fatal() or (
                not error.retriable() and error.code() != self._kafka.KafkaError._PARTITION_EOF
            ):
                if not found:
                    raise SourceFailed(f"Kafka: {error.str()}.")
                break
        return found

    def state_after(self, messages: Sequence[Message]) -> State:
        return {
            "offsets": self._offsets | kafka_places.after(messages),
            "stamps": self._stamps | kafka_places.stamps(messages),
        }

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        name = str(self.config["queue_name"])
        after = kafka_places.after(messages)
        self._offsets |= after
        self._stamps |= kafka_places.stamps(messages)
        offsets = [
            self._kafka.TopicPartition(name, int(number), offset)
            for number, offset in after.items()
        ]
        await self._in_thread(lambda: self._consumer.commit(offsets=offsets, asynchronous=True))

    async def depth(self) -> int | None:
        return await self._in_thread(self._depth)

    def _depth(self) -> int | None:
        name, total = str(self.config["queue_name"]), 0
        for number, offset in self._offsets.items():
            partition = self._kafka.TopicPartition(name, int(number))
            _, high = self._consumer.get_watermark_offsets(partition, timeout=2, cached=True)
            if high < 0:
                return None
            total += max(0, high - offset)
        return total

    async def close(self) -> None:
        if hasattr(self, "_consumer"):
            await self._in_thread(self._consumer.close)
        if hasattr(self, "_thread"):
            self._thread.shutdown(wait=False)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        """Who is cancelled still waits: what the thread took must not be lost to the next call."""
        future = asyncio.get_running_loop().run_in_executor(self._thread, call)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise


def _message(one: Any) -> Message:
    kind, stamp = one.timestamp()
    key = one.key()
    return Message(
        body=one.value() or b"",
        id=f"{one.topic()}:{one.partition()}:{one.offset()}",
        headers={name: _text(value) for name, value in one.headers() or ()},
        sent_at=kinds.moment(stamp) if kind else None,
        handle=(one.partition(), one.offset()),
        more={"key": _text(key), "partition": one.partition(), "offset": one.offset()},
        stamp=kafka_places.stamp(one),  # a topic that was made anew counts from 0 again
    )


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


kinds.registry.register(
    "kafka",
    Kind(
        "kafka",
        "Kafka",
        KafkaQueue,
        ("kafka", "kafka+ssl"),
        9092,
        "kafka://one.example.org:9092,two.example.org:9092",
        module="confluent_kafka",
    ),
)
