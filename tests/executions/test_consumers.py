"""Who may follow the news, what they hear, and what they are closed with."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from agents.models import Agent
from config.asgi import application
from crm import tokens
from crm.models import Membership, Workspace
from executions import consumers, live, numbering, seats

pytestmark = pytest.mark.django_db(transaction=True)
Socket: TypeAlias = Any  # a WebsocketCommunicator, which has no types
Open = Callable[..., Awaitable[Socket]]


@pytest.fixture
def cookie(owner: User) -> str:
    client = Client()
    client.force_login(owner)
    return client.cookies["sessionid"].value


@pytest.fixture
async def open_socket() -> AsyncIterator[Open]:
    opened: list[Socket] = []

    async def open_one(
        query: str = "", *, cookie: str = "", origin: bytes = b"http://localhost"
    ) -> Socket:
        headers = [
            (b"origin", origin),
            (b"host", b"localhost"),
            (b"cookie", f"sessionid={cookie}".encode()),
        ]
        socket = WebsocketCommunicator(
            application, f"/ws/live/?{query}", headers=[pair for pair in headers if pair[1]]
        )
        opened.append(socket)
        connected, _ = await socket.connect(timeout=5)
        assert connected
        return socket

    yield open_one
    for socket in opened:
        await socket.disconnect()
    await sync_to_async(connections.close_all)()  # those of the thread that Channels reads with


async def heard(socket: Socket) -> dict[str, Any]:
    """The next message that is no heartbeat."""
    while True:
        message = json.loads(await socket.receive_from(timeout=5))
        if message["type"] != "heartbeat":
            return dict(message)


async def closed_with(socket: Socket) -> int:
    while True:
        message = await socket.receive_output(timeout=5)
        if message["type"] == "websocket.close":
            return int(message["code"])


async def test_a_member_hears_the_news_of_the_workspace(
    acme: Workspace, other: Workspace, cookie: str, open_socket: Open
) -> None:
    socket = await open_socket(cookie=cookie)
    assert json.loads(await socket.receive_from(timeout=5))["type"] == "heartbeat"
    live.push(other.pk, {"type": "secret"})
    live.push(acme.pk, {"type": "test"})
    message = await heard(socket)
    assert message["type"] == "test"
    assert message["seq"] == 1
    await socket.send_to(text_data='{"type":"ping"}')
    while (message := json.loads(await socket.receive_from(timeout=5)))["seq"] != 1:
        await socket.send_to(text_data='{"type":"ping"}')
        await asyncio.sleep(numbering.PULSE_SECONDS / 4)


async def test_news_of_one_agent(
    acme: Workspace, other: Workspace, cookie: str, open_socket: Open
) -> None:
    agent = await Agent.objects.acreate(workspace=acme, name="Ada")
    foreign = await Agent.objects.acreate(workspace=other, name="Eva")
    socket = await open_socket(f"agent_id={agent.pk}", cookie=cookie)
    await socket.receive_from(timeout=5)
    live.push(acme.pk, {"type": "test", "agent_id": uuid.uuid4()})
    live.push(acme.pk, {"type": "test", "agent_id": agent.pk})
    assert (await heard(socket))["agent_id"] == str(agent.pk)
    for agent_id in (foreign.pk, "nonsense", uuid.uuid4()):
        assert await closed_with(await open_socket(f"agent_id={agent_id}", cookie=cookie)) == 4404


async def test_strangers_are_closed_out(other: Workspace, cookie: str, open_socket: Open) -> None:
    assert await closed_with(await open_socket()) == 4401
    assert await closed_with(await open_socket(cookie="forged")) == 4401
    assert await closed_with(await open_socket("ticket=forged", cookie=cookie)) == 4401
    assert await closed_with(await open_socket("workspace=other", cookie=cookie)) == 4403


@pytest.mark.parametrize("origin", [b"", b"http://evil.example"], ids=["missing", "foreign"])
async def test_a_wrong_origin_is_not_let_in(origin: bytes, cookie: str) -> None:
    headers = [(b"origin", origin)] if origin else []
    socket = WebsocketCommunicator(
        application, "/ws/live/", headers=[*headers, (b"cookie", f"sessionid={cookie}".encode())]
    )
    connected, _ = await socket.connect(timeout=5)
    assert not connected


async def test_a_ticket_opens_one_socket(acme: Workspace, owner: User, open_socket: Open) -> None:
    token, _ = await sync_to_async(tokens.issue)(acme, user=owner, name="t", scopes=["read"])
    ticket = seats.issue_ticket(user_id=owner.pk, workspace_id=acme.pk, token_id=token.pk)
    socket = await open_socket(f"ticket={ticket}")
    assert json.loads(await socket.receive_from(timeout=5))["type"] == "heartbeat"
    assert await closed_with(await open_socket(f"ticket={ticket}")) == 4401


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"text_data": "hello"}, 4400),
        ({"text_data": '{"type":"subscribe","group":"workspace.x"}'}, 4400),
        ({"bytes_data": b'{"type":"ping"}'}, 4400),
        ({"text_data": "[" * 5000}, 1009),
    ],
    ids=["malformed", "a wish", "binary", "long"],
)
async def test_only_pings_are_taken(
    sent: dict[str, Any], code: int, cookie: str, open_socket: Open
) -> None:
    socket = await open_socket(cookie=cookie)
    await socket.send_to(**sent)
    assert await closed_with(socket) == code


async def test_a_socket_that_reads_nothing_is_let_go(
    acme: Workspace, cookie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "SEND_SECONDS", 0.1)
    monkeypatch.setattr(consumers, "FAREWELL_SECONDS", 0.1)

    async def clogged(scope: Any, receive: Any, send: Any) -> None:
        async def send_some(message: dict[str, Any]) -> None:
            if message["type"] != "websocket.accept" and "heartbeat" not in str(message):
                await asyncio.Event().wait()
            await send(message)

        await application(scope, receive, send_some)

    headers = [(b"origin", b"http://localhost"), (b"host", b"localhost")]
    about = [*headers, (b"cookie", f"sessionid={cookie}".encode())]
    socket = WebsocketCommunicator(clogged, "/ws/live/", headers=about)
    assert (await socket.connect(timeout=5))[0]
    await socket.receive_from(timeout=5)
    live.push(acme.pk, {"type": "test"})
    await socket.wait(timeout=5)
    layer = get_channel_layer()
    assert layer is not None
    assert not layer.channels
    assert not layer.groups
    await sync_to_async(connections.close_all)()


async def test_a_flood_is_closed(cookie: str, open_socket: Open) -> None:
    socket = await open_socket(cookie=cookie)
    for _ in range(consumers.MAX_INBOUND + 1):
        await socket.send_to(text_data='{"type":"ping"}')
    assert await closed_with(socket) == 4429


@pytest.mark.parametrize(("lost", "code"), [("session", 4401), ("membership", 4403)])
async def test_a_seat_is_checked_again(
    lost: str,
    code: int,
    owner: User,
    cookie: str,
    open_socket: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consumers, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(consumers, "CHECK_SECONDS", 0.05)
    socket = await open_socket(cookie=cookie)
    await socket.receive_from(timeout=5)
    if lost == "session":
        await sync_to_async(seats._session(cookie).delete)()
    else:
        await Membership.objects.filter(user=owner).adelete()
    assert await closed_with(socket) == code
