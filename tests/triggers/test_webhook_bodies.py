"""Bodies of webhooks: how much is read, and how long one is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from pytest_django import Settings

from tests.triggers.hooks import BODY, sign
from tests.webhooks import Message
from triggers.models import Event, WebhookRejection
from triggers.webhook_route import WebhookRoute

pytestmark = pytest.mark.django_db
MIB = 1024 * 1024


def scope(token: str, **headers: str) -> dict[str, Any]:
    given = {"host": "localhost", "x-webhook-signature": sign(), **headers}
    return {
        "type": "http",
        "method": "POST",
        "path": f"/webhooks/{token}",
        "query_string": b"",
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in given.items()],
        "scheme": "http",
        "client": ("127.0.0.1", 1),
    }


class Pieces:
    """A body that comes in pieces of 64 KiB for as long as somebody reads."""

    def __init__(self, *, most: int) -> None:
        self.read, self.most = 0, most

    async def __call__(self) -> Message:
        self.read += 1
        return {"type": "http.request", "body": b" " * 65536, "more_body": self.read < self.most}


async def ask(route: WebhookRoute, given: dict[str, Any], receive: Any) -> list[Message]:
    said: list[Message] = []

    async def send(message: Message) -> None:
        said.append(message)

    await route(given, receive, send)
    await route.groups.settle()
    return said


async def _nobody(*_: Any) -> None:
    raise AssertionError


@pytest.mark.parametrize("declared", ["", "10"], ids=["no length", "a lie"])
def test_a_body_without_end_is_read_to_the_limit(declared: str, token: str) -> None:
    route, endless = WebhookRoute(_nobody, own_thread=False), Pieces(most=10_000)
    given = scope(token, **({"content_length": declared} if declared else {}))
    said = async_to_sync(ask)(route, given, endless)
    assert said[0]["status"] == 413
    assert (b"connection", b"close") in said[0]["headers"]
    drained = 16 * 16 + 2  # 16 MiB more, so that the sender sees the answer
    assert endless.read <= 16 + 1 + drained
    row = WebhookRejection.objects.get()
    assert (row.reason, row.size) == ("too_large", 17 * 65536)
    assert route._reading == 0
    assert not route._reading_of


def test_a_body_that_says_it_is_too_long_is_not_read(token: str) -> None:
    async def unread() -> Message:
        read.append(1)
        return {"type": "http.disconnect"}

    read: list[int] = []
    route = WebhookRoute(_nobody, own_thread=False)
    said = async_to_sync(ask)(route, scope(token, content_length=str(MIB + 1)), unread)
    assert said[0]["status"] == 413
    assert len(read) == 1  # after the answer
    assert WebhookRejection.objects.get().size == MIB + 1


def test_an_unknown_address_is_unknown_whatever_it_is_sent() -> None:
    route = WebhookRoute(_nobody, own_thread=False)
    said = async_to_sync(ask)(route, scope("unknown", content_length="9999999"), Pieces(most=3))
    assert said[0]["status"] == 404


def test_a_body_that_does_not_come_is_not_waited_for(token: str, settings: Settings) -> None:
    settings.WEBHOOK_BODY_SECONDS = 0.05

    async def slowly() -> Message:
        await asyncio.sleep(0 if not read else 3600)
        read.append(1)
        return {"type": "http.request", "body": b"{", "more_body": True}

    read: list[int] = []
    route = WebhookRoute(_nobody, own_thread=False)
    said = async_to_sync(ask)(route, scope(token), slowly)
    assert said[0]["status"] == 408
    assert (b"connection", b"close") in said[0]["headers"]
    assert WebhookRejection.objects.get().reason == "too_slow"
    assert route._reading == 0


def test_who_hangs_up_in_the_middle_leaves_nothing(token: str) -> None:
    async def broken() -> Message:
        if read:
            return {"type": "http.disconnect"}
        read.append(1)
        return {"type": "http.request", "body": BODY, "more_body": True}

    read: list[int] = []
    route = WebhookRoute(_nobody, own_thread=False)
    assert async_to_sync(ask)(route, scope(token), broken) == []
    assert not Event.objects.exists()
    assert route._reading == 0


async def test_bodies_on_their_way_have_a_bound(settings: Settings) -> None:
    """Of one sender a quarter of it, and at least one body of the largest size."""
    settings.WEBHOOK_WAITING_BYTES = 4 * MIB
    route, go = WebhookRoute(_nobody), asyncio.Event()

    def body() -> Callable[[], Any]:
        parts = [b" " * (MIB // 2), b" " * (MIB // 4)]

        async def receive() -> Message:
            if not parts:
                await go.wait()
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": parts.pop(), "more_body": True}

        return receive

    async def read(network: str) -> None:
        await route._body(body(), {}, network)

    first = asyncio.create_task(read("192.0.2.1"))
    others = [asyncio.create_task(read(f"192.0.2.{n}")) for n in range(2, 6)]
    await asyncio.sleep(0.01)
    with pytest.raises(Exception, match="Too much is going on"):
        await read("192.0.2.1")
    with pytest.raises(Exception, match="Too much is going on"):
        await read("192.0.2.9")
    go.set()
    done = await asyncio.gather(first, *others, return_exceptions=True)
    assert all(isinstance(one, Exception) for one in done)
    assert (route._reading, dict(route._reading_of)) == (0, {})
