"""The web server answers a fixed number of requests at a time, on as many database connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from asgiref.sync import SyncToAsync, sync_to_async
from django.db import connection, connections
from pytest_django import Settings

from config.lib import web_threads
from config.lib.web_threads import BoundedASGIHandler

pytestmark = pytest.mark.django_db(transaction=True)
PLACES = 3


@pytest.fixture
async def handler(settings: Settings) -> AsyncIterator[BoundedASGIHandler]:
    settings.WEB_THREADS = PLACES
    handler = BoundedASGIHandler()
    yield handler
    while handler._free is not None and not handler._free.empty():
        token = SyncToAsync.thread_sensitive_context.set(handler._free.get_nowait())
        await sync_to_async(connections.close_all)()
        SyncToAsync.thread_sensitive_context.reset(token)
    await sync_to_async(connections.close_all)()  # of the thread that counted


def client(handler: BoundedASGIHandler) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(handler), base_url="http://localhost")  # type: ignore[arg-type]


def count_connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        (count,) = cursor.fetchone()
    return int(count)


async def test_many_requests_share_few_connections(handler: BoundedASGIHandler) -> None:
    before = await sync_to_async(count_connections)()
    async with client(handler) as browser:
        answers = await asyncio.gather(*(browser.get("/login/") for _ in range(40)))
        await asyncio.gather(*(browser.get("/forms/nothing/") for _ in range(40)))
    assert {answer.status_code for answer in answers} == {200}
    assert 0 < await sync_to_async(count_connections)() - before <= PLACES


async def test_who_waits_too_long_is_told_so(
    handler: BoundedASGIHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_threads, "WAIT_SECONDS", 0.1)
    async with client(handler) as browser, handler._place(), handler._place(), handler._place():
        answer = await browser.get("/api/v1/contacts")
    assert (answer.status_code, answer.json()["error_code"]) == (503, "busy")
    assert answer.headers["Retry-After"] == "5"


async def test_a_slow_body_holds_no_place(handler: BoundedASGIHandler) -> None:
    done = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await done.wait()

    async with client(handler) as browser:
        slow = [
            asyncio.create_task(browser.post("/api/v1/contacts", content=slowly()))
            for _ in range(2 * PLACES)
        ]
        await asyncio.sleep(0.05)
        answer = await asyncio.wait_for(browser.get("/healthz"), timeout=5)
        done.set()
        await asyncio.gather(*slow)
    assert answer.status_code == 200
