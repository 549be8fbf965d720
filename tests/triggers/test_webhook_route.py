"""The bare route in front of Django: what it reads, how long it waits, what it answers with, what it logs."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from asgiref.sync import SyncToAsync, async_to_sync, sync_to_async
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from config.lib import logs
from tests.stories import MakeAgent
from tests.webhooks import Client, Message
from triggers import blueprint, intake, receiving, webhook_types
from triggers.models import Event, Trigger, WebhookEndpoint, WebhookRejection
from triggers.webhook_route import WebhookRoute
from triggers.webhook_types import Incoming

pytestmark = pytest.mark.django_db
SECRET = "a secret of some length"
BODY = b'{"a": 1}'
MIB = 1024 * 1024


@pytest.fixture
def token(make_agent: MakeAgent) -> str:
    agent = make_agent("Hook", {"action": "notify", "params": {"message": "Hello"}})
    trigger = Trigger(workspace=agent.workspace)
    config = {"webhook_config": {"secret": SECRET}}
    given = {"name": "Orders", "agent_id": str(agent.pk), "trigger_type": "webhook"}
    blueprint.store(trigger, {**given, "config": config})
    return WebhookEndpoint.objects.get(trigger=trigger).sealed


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[logs.Line]:
    told: list[logs.Line] = []
    monkeypatch.setattr(logs, "tell", lambda _, some: told.extend(some))
    return told


def sign(body: bytes = BODY) -> str:
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


def send(token: str, body: bytes = BODY, **more: Any) -> Any:
    headers = {"X-Webhook-Signature": sign(body), **more.pop("headers", {})}
    return Client().generic(
        more.pop("method", "POST"), f"/webhooks/{token}", body, "application/json",
        headers=headers, **more,
    )  # fmt: skip


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


# --- answers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["accepted", "refused", "unknown"])
def test_every_answer_has_the_same_headers(how: str, token: str) -> None:
    given = {"X-Request-ID": "mine-1"} | ({"X-Webhook-Signature": "0"} if how == "refused" else {})
    found = send("unknown" if how == "unknown" else token, headers=given)
    assert found["X-Request-ID"] == "mine-1"
    assert (found["Cache-Control"], found["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert (found["X-Content-Type-Options"], found["X-Frame-Options"]) == ("nosniff", "DENY")
    assert "default-src 'self'" in found["Content-Security-Policy"]
    assert found["Content-Type"] == "application/json"
    if how != "accepted":
        assert found.json()["request_id"] == "mine-1"


def test_the_event_carries_the_request_s_id(token: str) -> None:
    event_id = send(token, headers={"X-Request-ID": "mine-2"}).json()["event_id"]
    assert Event.objects.get(pk=event_id).correlation_id == "mine-2"


@pytest.mark.parametrize(
    "path", ["/webhooks/", "/webhooks/a/b", f"/webhooks/{'x' * 101}", "/webhooks//"]
)
def test_what_is_no_address_is_not_found(path: str) -> None:
    found = Client().post(path, BODY, content_type="application/json")
    assert (found.status_code, found.json()["error_code"]) == (404, "not_found")


def test_a_slash_at_the_end_is_the_same_address(token: str) -> None:
    assert send(f"{token}/").status_code == 202


def test_hosts_that_are_not_ours_are_refused(token: str, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["triggerfish.example"]
    assert send(token, headers={"Host": "elsewhere.example"}).json()["error_code"] == "bad_host"
    assert send(token, headers={"Host": "triggerfish.example:8000"}).status_code == 202


def test_where_there_must_be_tls_nothing_is_taken_without(token: str, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 31_536_000
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    plain = send(token)
    assert (plain.status_code, plain["Location"]) == (301, f"https://localhost/webhooks/{token}")
    assert not Event.objects.exists()
    secure = send(token, headers={"X-Forwarded-Proto": "https"})
    assert secure.status_code == 202
    assert secure["Strict-Transport-Security"].startswith("max-age=31536000")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PATCH", "TRACE", "BREW"])
def test_other_methods_are_told_which_there_are(method: str, token: str) -> None:
    found = send(token, method=method)
    assert (found.status_code, found["Allow"]) == (405, "POST")


def test_a_line_of_the_log_names_the_route_and_not_the_address(
    token: str, lines: list[logs.Line]
) -> None:
    send(token, headers={"X-Request-ID": "mine-3"})
    send("CANARY" * 30)
    own = [fields for _, message, fields in lines if message == "request_finished"]
    assert dict(own[0]) | {"ms": 0} == {
        "correlation_id": "mine-3",
        "code": 202,
        "request": "POST /webhooks/<webhook_id>",
        "ms": 0,
    }
    assert own[1]["request"] == "POST (no such address)"
    assert token not in str(lines)
    assert "CANARY" not in str(lines)


# --- the body -------------------------------------------------------------------------------------------------------


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


# --- limits ---------------------------------------------------------------------------------------------------------


def flood(times: int, *tokens: str, **more: Any) -> list[Any]:
    return [send(token, **more) for token in tokens for _ in range(times)]


def check(answers: list[Any], *, admitted: int) -> None:
    statuses = [found.status_code for found in answers]
    assert statuses == [202] * admitted + [429] * (len(answers) - admitted)
    late = answers[-1]
    assert late.json()["error_code"] == "rate_limited"
    assert 0 < int(late["Retry-After"]) <= 120


def test_an_address_has_a_limit(token: str, settings: Settings) -> None:
    settings.WEBHOOK_PER_MINUTE = 3
    check(flood(5, token), admitted=3)


def test_all_addresses_together_have_a_limit(token: str, settings: Settings) -> None:
    assert send(token).status_code == 202
    settings.WEBHOOK_TOTAL_PER_MINUTE = 1
    check(flood(2, token), admitted=0)


@pytest.mark.parametrize(
    "proxies, remote, forwarded",
    [
        (0, "198.51.100.{n}", "192.0.2.7"),
        (1, "127.0.0.1", "192.0.2.7, 198.51.101.{n}"),
        (0, "2001:db8:0:{n}::1", ""),
    ],
    ids=["header ignored", "behind a proxy", "different /64"],
)
def test_others_are_not_limited_for_a_flood(
    proxies: int, remote: str, forwarded: str, token: str, settings: Settings
) -> None:
    settings.WEBHOOK_PER_PEER_MINUTE, settings.NUM_PROXIES = 1, proxies
    for n in range(10, 14):
        given = {"X-Forwarded-For": forwarded.format(n=n)} if forwarded else {}
        assert send(token, headers=given, REMOTE_ADDR=remote.format(n=n)).status_code == 202


@pytest.mark.parametrize(
    "proxies, remote, forwarded",
    [
        (0, "203.0.113.5", "192.0.2.{n}"),
        (1, "127.0.0.1", "192.0.2.{n}, 203.0.113.6"),
        (0, "2001:db8:7:7::{n}", ""),
        (0, "::ffff:203.0.113.8", "192.0.2.{n}"),
    ],
    ids=["invented header", "invented before our proxy", "one /64", "v4 in v6"],
)
def test_one_peer_is_limited_whatever_it_says(
    proxies: int, remote: str, forwarded: str, token: str, settings: Settings
) -> None:
    settings.WEBHOOK_PER_PEER_MINUTE, settings.NUM_PROXIES = 3, proxies
    answers = []
    for n in range(6):
        given = {"X-Forwarded-For": forwarded.format(n=n)} if forwarded else {}
        answers.append(send(token, headers=given, REMOTE_ADDR=remote.format(n=n)))
    check(answers, admitted=3)
    assert not WebhookRejection.objects.exists(), "a flood leaves no rows"


@pytest.mark.parametrize(
    "allowed, peer, status",
    [
        ("192.0.2.0/24", "192.0.2.9", 202),
        ("192.0.2.0/24", "192.0.3.9", 403),
        ("192.0.2.9", "192.0.2.9", 202),
        ("192.0.2.0/24", "::ffff:192.0.2.9", 202),
        ("2001:db8::/32", "2001:db8:1::5", 202),
        ("2001:db8::/32", "2001:db9::5", 403),
        ("2001:db8::1", "2001:0db8:0:0::1", 202),
        ("2001:db8::/32", "192.0.2.9", 403),
        ("192.0.2.0/24", "", 403),
    ],
)
def test_only_who_is_allowed_gets_in(allowed: str, peer: str, status: int, token: str) -> None:
    trigger = Trigger.objects.get(trigger_type="webhook")
    trigger.config["validation_rules"] = {"allowed_ips": [allowed]}
    trigger.save()
    assert send(token, REMOTE_ADDR=peer).status_code == status


def test_rows_of_refused_requests_are_bounded(token: str, settings: Settings) -> None:
    settings.WEBHOOK_REJECTIONS_PER_MINUTE = 3
    wrong = {"X-Webhook-Signature": "0"}
    assert {found.status_code for found in flood(8, token, headers=wrong)} == {401}
    assert WebhookRejection.objects.count() == 3


# --- what the time tells --------------------------------------------------------------------------------------------


def test_an_unknown_address_is_the_same_work_as_a_wrong_signature(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same statements before the answer, and one signature computed; the row of the refused comes after it."""
    verified: list[str] = []
    kind = type(webhook_types.find("generic"))
    verify = kind.verify

    def counted(self: Any, request: Incoming, config: Any, *, now: float) -> None:
        verified.append(config["secret"])
        verify(self, request, config, now=now)

    monkeypatch.setattr(kind, "verify", counted)

    def work(address: str) -> tuple[int, list[str], int]:
        incoming = Incoming("POST", {"x-webhook-signature": "0" * 64}, BODY, peer="192.0.2.1")
        arrival = receiving.Arrival(address, incoming, "192.0.2.1", "r", size=len(BODY))
        before = len(verified)
        with CaptureQueriesContext(connection) as asked:
            receiving.receive([arrival])
        assert isinstance(arrival.answer, intake.Refused)
        statements = [one["sql"].split(" FROM ")[-1].split(" ")[0] for one in asked]
        return arrival.answer.status, statements, len(verified) - before

    receiving.receive([])
    work(token)  # reads the database's clock, once a minute
    known, unknown = work(token), work("wh_unknown")
    assert (known[0], unknown[0]) == (401, 404)
    assert known[1:] == unknown[1:]
    assert known[2] == 1


# --- through a real server ------------------------------------------------------------------------------------------


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
