"""Amazon SQS, or whatever speaks its protocol: `sqs://KEY:SECRET@eu-central-1`, `?endpoint=` for another server.

A message that was stored and not deleted comes again after the queue's visibility timeout and is known by its id.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urlsplit

from triggers.sources.message_queue import address, kinds
from triggers.sources.message_queue.address import Address, Place
from triggers.sources.message_queue.kinds import Kind, Message, Queue
from triggers.watching import SourceBroken, SourceFailed

T = TypeVar("T")
_MOST = 10  # of one request, by its protocol
_GATHER_SECONDS = 0.5


class SqsQueue(Queue):
    async def open(self) -> None:
        boto3 = kinds.client("boto3")
        config = kinds.client("botocore.config")
        (host,) = await address.admitted(_server(self.address))
        self._thread = ThreadPoolExecutor(1, "sqs")
        session = boto3.session.Session(
            aws_access_key_id=self.address.user or None,
            aws_secret_access_key=self.address.password or None,
            region_name=self.address.place.host,
        )
        if not self.address.user:
            raise SourceBroken("Give the access key and its secret in the address.")
        self._client = await self._in_thread(
            lambda: session.client(
                "sqs",
                endpoint_url=_pinned(self.address.options.get("endpoint"), host),
                config=config.Config(
                    connect_timeout=5,
                    read_timeout=30,
                    retries={"max_attempts": 1},
                    parameter_validation=False,
                ),
            )
        )
        name = str(self.config["queue_name"])
        try:
            answer = await self._in_thread(lambda: self._client.get_queue_url(QueueName=name))
        except self._client.exceptions.QueueDoesNotExist:
            raise SourceFailed(f"SQS has no queue {name!r} that we may read.") from None
        self._url = answer["QueueUrl"]

    async def take(self, most: int, *, wait: float) -> list[Message]:
        found: list[Message] = []
        until = 0.0  # what is taken must be acknowledged before it is shown to others again
        while len(found) < most and (not found or time.monotonic() < until):
            seconds = min(20, math.ceil(wait)) if not found and wait >= 1 else 0
            more = await self._receive(min(_MOST, most - len(found)), seconds)
            until = until or time.monotonic() + _GATHER_SECONDS
            found += more
            if len(more) < _MOST:
                break
        return found

    async def _receive(self, count: int, seconds: int) -> list[Message]:
        answer = await self._in_thread(
            lambda: self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=count,
                WaitTimeSeconds=seconds,
                MessageAttributeNames=["All"],
                AttributeNames=["All"],
            )
        )
        return [_message(one) for one in answer.get("Messages", ())]

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        for start in range(0, len(messages), _MOST):
            entries = [
                {"Id": str(number), "ReceiptHandle": one.handle}
                for number, one in enumerate(messages[start : start + _MOST])
            ]
            await self._in_thread(
                lambda entries=entries: self._client.delete_message_batch(  # type: ignore[misc]
                    QueueUrl=self._url, Entries=entries
                )
            )

    async def depth(self) -> int | None:
        answer = await self._in_thread(
            lambda: self._client.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages"]
            )
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    async def close(self) -> None:
        if hasattr(self, "_client"):
            self._client.close()
        if hasattr(self, "_thread"):
            self._thread.shutdown(wait=False)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


def _pinned(endpoint: str | None, host: str) -> str | None:
    """With the checked address in place of a name that may lead elsewhere a moment later. With https it is the
    certificate that proves the name.
    """
    parts = urlsplit(endpoint or "")
    if parts.scheme != "http":
        return endpoint
    named = f"[{host}]" if ":" in host else host
    return parts._replace(netloc=f"{named}:{parts.port or 80}").geturl()


def _server(at: Address) -> Address:
    """The address that requests go to."""
    endpoint = at.options.get("endpoint") or f"https://sqs.{at.place.host}.amazonaws.com"
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SourceBroken("`endpoint` is an http or https address.")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Address(at.url, at.scheme, (Place(parts.hostname, port),), "", "", "", {})


def _message(one: dict[str, Any]) -> Message:
    attributes = one.get("Attributes", {})
    sent = attributes.get("SentTimestamp")
    headers = {
        name: value.get("StringValue") for name, value in one.get("MessageAttributes", {}).items()
    }
    more = {
        "receive_count": int(attributes.get("ApproximateReceiveCount", 1)),
        "group_id": attributes.get("MessageGroupId", ""),
    }
    return Message(
        body=one.get("Body", "").encode(),
        id=one["MessageId"],
        headers=headers,
        sent_at=kinds.moment(int(sent)) if sent else None,
        handle=one["ReceiptHandle"],
        more=more,
    )


kinds.registry.register(
    "sqs",
    Kind(
        "sqs",
        "Amazon SQS",
        SqsQueue,
        ("sqs",),
        443,
        "sqs://KEY:SECRET@eu-central-1",
        module="boto3",
    ),
)
