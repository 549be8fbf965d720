"""Webhooks through a real server: connections that are kept, cut and hung up."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from asgiref.sync import SyncToAsync, sync_to_async
from django.db import connections
from pytest_django import Settings

from tests.listeners import wait_until
from tests.triggers.hooks import BODY, sign
from triggers.models import Event, WebhookRejection
from triggers.webhook_route import WebhookRoute

pytestmark = pytest.mark.django_db


@pytest.fixture
def port(transactional_db: None, token: str) -> Iterator[int]:
    """uvicorn in a thread, on a free port."""
    route = WebhookRoute(_nobody)
    config = uvicorn.Config(route, port=0, log_level="warning", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            threading.Event().wait(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
        _close_connections(route)


async def _nobody(*_: Any) -> None:
    raise AssertionError


def _close_connections(route: WebhookRoute) -> None:
    async def close() -> None:
        assert route.groups._place
        SyncToAsync.thread_sensitive_context.set(route.groups._place)
        await sync_to_async(connections.close_all)()

    asyncio.run(close())


def head(token: str, *more: str, body: bytes = BODY) -> bytes:
    lines = [f"POST /webhooks/{token} HTTP/1.1", "Host: localhost"]
    signed = ["Content-Type: application/json", f"X-Webhook-Signature: {sign(body)}"]
    return "\r\n".join([*lines, *signed, *more, "", ""]).encode()


def answers_of(connected: socket.socket, *, until: bytes) -> bytes:
    connected.settimeout(20)
    seen = b""
    while until not in seen and (part := connected.recv(65536)):
        seen += part
    return seen


def test_many_requests_on_one_connection(port: int, token: str) -> None:
    with socket.create_connection(("127.0.0.1", port)) as one:
        for _ in range(3):
            one.sendall(head(token, f"Content-Length: {len(BODY)}") + BODY)
            assert b"202 Accepted" in answers_of(one, until=b"event_id")
    assert Event.objects.count() == 3


def test_a_chunked_body_without_end_is_answered_and_cut(port: int, token: str) -> None:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with socket.create_connection(("127.0.0.1", port)) as one:
        one.settimeout(20)
        one.sendall(head(token, "Transfer-Encoding: chunked"))
        with contextlib.suppress(ConnectionError):
            for _ in range(1000):  # 64 MiB: more than is drained
                one.sendall(chunk)
            pytest.fail("it was all read")
    wait_until(WebhookRejection.objects.exists)  # it is written down after the answer
    assert WebhookRejection.objects.get().reason == "too_large"


def test_a_chunked_body_in_pieces_is_one_body(port: int, token: str) -> None:
    with socket.create_connection(("127.0.0.1", port)) as one:
        one.sendall(head(token, "Transfer-Encoding: chunked"))
        for byte in BODY:
            one.sendall(b"1\r\n%c\r\n" % byte)
        one.sendall(b"0\r\n\r\n")
        assert b"202 Accepted" in answers_of(one, until=b"event_id")
    assert Event.objects.get().payload["request"]["body"] == {"a": 1}


def test_who_sends_a_byte_a_minute_is_let_go(port: int, token: str, settings: Settings) -> None:
    settings.WEBHOOK_BODY_SECONDS = 0.3
    with socket.create_connection(("127.0.0.1", port)) as one:
        one.sendall(head(token, "Content-Length: 1000") + b"{")
        assert b"408 " in answers_of(one, until=b"too_slow")
        assert one.recv(10) == b"", "the connection is closed"


def test_who_hangs_up_before_the_answer_is_stored_all_the_same(port: int, token: str) -> None:
    with socket.create_connection(("127.0.0.1", port)) as one:
        one.sendall(head(token, f"Content-Length: {len(BODY)}") + BODY)
    with socket.create_connection(("127.0.0.1", port)) as one:
        one.sendall(head(token, f"Content-Length: {len(BODY)}") + BODY)
        answers_of(one, until=b"event_id")
    assert Event.objects.count() == 2
