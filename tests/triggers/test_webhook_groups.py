"""Requests that come together are stored together; one that cannot be stored fails alone; what waits is bounded."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgiref.sync import SyncToAsync, sync_to_async
from django.db import OperationalError, connections
from django.db.backends.utils import CursorWrapper
from pytest_django import Settings

from config.lib.ids import uuid7
from crm.models import Workspace
from executions.models import Execution
from tests.stories import MakeAgent
from triggers import blueprint, events, receiving, webhook_types
from triggers.intake import Refused
from triggers.models import Event, Trigger, WebhookEndpoint, WebhookRejection
from triggers.receiving import Answer, Arrival, storing
from triggers.webhook_groups import BUSY, Groups
from triggers.webhook_types import Incoming

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "a secret of some length"
MakeHook = Callable[[str], str]


@pytest.fixture
def make_hook(make_agent: MakeAgent) -> MakeHook:
    """`make_hook("github")`: the token of a webhook trigger of that type."""
    agent = make_agent("Hook", {"action": "notify", "params": {"message": "Hello"}})

    def make(kind: str) -> str:
        trigger = Trigger(workspace=agent.workspace)
        config = {"webhook_type": kind, "webhook_config": {"secret": SECRET}}
        given = {"name": kind, "agent_id": str(agent.pk), "trigger_type": "webhook"}
        blueprint.store(trigger, {**given, "config": config})
        return WebhookEndpoint.objects.get(trigger=trigger).sealed

    return make


@pytest.fixture
def token(make_hook: MakeHook) -> str:
    return make_hook("generic")


@pytest.fixture
async def groups() -> AsyncIterator[Groups]:
    groups = Groups()
    yield groups
    await groups.settle()
    assert (groups._waiting, groups._bytes) == (0, 0)
    assert groups._place
    place = SyncToAsync.thread_sensitive_context.set(groups._place)
    await sync_to_async(connections.close_all)()
    SyncToAsync.thread_sensitive_context.reset(place)
    await sync_to_async(connections.close_all)()  # of the thread that counted


class Held:
    """The first group stands still until it is released: what comes meanwhile is one group."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self.began, self._go = threading.Event(), threading.Event()
        self._receive = receiving.receive
        monkeypatch.setattr(receiving, "receive", self._held)

    def _held(self, arrivals: list[Arrival]) -> None:
        self.sizes.append(len(arrivals))
        if len(self.sizes) == 1:
            self.began.set()
            assert self._go.wait(20)
        self._receive(arrivals)

    def release(self) -> None:
        self._go.set()

    async def until_it_stands(self) -> None:
        assert await asyncio.to_thread(self.began.wait, 20)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    return Held(monkeypatch)


def arrival(token: str, body: bytes = b'{"a": 1}', **headers: str) -> Arrival:
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    given = {"content-type": "application/json", "x-webhook-signature": signature}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    incoming = Incoming("POST", given, body, peer="192.0.2.1")
    return Arrival(token, incoming, "192.0.2.1", "request-1", size=len(body))


async def send(groups: Groups, held: Held, arrivals: list[Arrival]) -> list[Answer | Refused]:
    """The first one goes alone, the others as one group after it."""
    first = asyncio.create_task(groups.answer(arrivals[0]))
    await held.until_it_stands()
    others = [asyncio.create_task(groups.answer(one)) for one in arrivals[1:]]
    await asyncio.sleep(0)
    held.release()
    return [await task for task in (first, *others)]


async def test_what_comes_during_a_commit_goes_with_the_next(
    token: str, groups: Groups, held: Held
) -> None:
    answers = await send(groups, held, [arrival(token) for _ in range(30)])
    assert held.sizes == [1, 29]
    assert {answer.status for answer in answers} == {202}
    ids = {answer.body["event_id"] for answer in answers if isinstance(answer, Answer)}
    assert {str(pk) async for pk in Event.objects.values_list("pk", flat=True)} == ids
    assert len(ids) == 30


async def test_a_group_takes_as_many_statements_as_one_request(
    token: str, groups: Groups, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    execute = CursorWrapper.execute

    def counted(self: Any, sql: Any, params: Any = None) -> Any:
        asked.append(str(sql).split()[0])
        return execute(self, sql, params)

    held.release()
    warm = await groups.answer(arrival(token))  # opens the connection, counts the backlog
    assert warm.status == 202
    monkeypatch.setattr(CursorWrapper, "execute", counted)
    for size in (1, 50):
        asked.clear()
        answers = await asyncio.gather(*(groups.answer(arrival(token)) for _ in range(size)))
        assert {answer.status for answer in answers} == {202}
        assert held.sizes[-1] == size
        told = [one for one in asked if one in ("SELECT", "WITH", "INSERT")]
        assert len(told) <= 3, told  # the addresses, the INSERT; the backlog once a second


async def test_the_same_delivery_twice_in_one_group_is_one_event(
    token: str, groups: Groups, held: Held
) -> None:
    twice = [arrival(token, idempotency_key="order-17") for _ in range(3)]
    answers = await send(groups, held, [arrival(token), *twice])
    assert held.sizes == [1, 3]
    assert [answer.status for answer in answers] == [202, 202, 200, 200]
    ids = {answer.body["event_id"] for answer in answers[1:] if isinstance(answer, Answer)}
    assert len(ids) == 1
    assert await Event.objects.acount() == 2


async def test_a_row_that_breaks_its_group_fails_alone(
    token: str, groups: Groups, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    emit_many = events.emit_many

    def breaking(drafts: Any) -> Any:
        for draft in drafts:
            if draft.payload["request"]["body"] == {"a": "unstorable"}:
                draft.payload["request"]["headers"] = {"x": 1}
                object.__setattr__(draft, "topic", "x" * 301)  # longer than its column
        return emit_many(drafts)

    monkeypatch.setattr(events, "emit_many", breaking)
    bad = arrival(token, b'{"a": "unstorable"}')
    answers = await send(groups, held, [arrival(token), arrival(token), bad, arrival(token)])
    assert [answer.status for answer in answers] == [202, 202, 500, 202]
    assert await Event.objects.acount() == 3


async def test_an_address_whose_workspace_goes_meanwhile_is_unknown(
    token: str, groups: Groups, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = storing._insert
    gone: list[bool] = []

    def insert_late(arrivals: list[Arrival]) -> None:
        if not gone:
            Execution.objects.all().delete()
            Workspace.objects.all().delete()
            gone.append(True)
        insert(arrivals)

    monkeypatch.setattr(storing, "_insert", insert_late)
    held.release()
    answers = await asyncio.gather(*(groups.answer(arrival(token)) for _ in range(2)))
    assert [answer.status for answer in answers] == [404, 404]


async def test_refused_ones_are_written_down_beside_accepted_ones(
    token: str, groups: Groups, held: Held
) -> None:
    wrong = arrival(token, x_webhook_signature="0" * 64)
    answers = await send(groups, held, [arrival(token), wrong, arrival("unknown"), arrival(token)])
    assert [answer.status for answer in answers] == [202, 401, 404, 202]
    await groups.settle()
    assert [row.reason async for row in WebhookRejection.objects.all()] == ["unverified"]


async def test_while_the_database_is_away_all_are_told_so(
    token: str, groups: Groups, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: Any) -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(receiving, "receive", away)
        answers = await asyncio.gather(*(groups.answer(arrival(token)) for _ in range(5)))
    assert {answer.status for answer in answers} == {503}
    assert {answer.headers["Retry-After"] for answer in answers} == {"5"}
    assert (await groups.answer(arrival(token))).status == 202


async def test_what_waits_is_bounded_by_number(
    token: str, groups: Groups, held: Held, settings: Settings
) -> None:
    settings.WEBHOOK_WAITING = 5
    answers = await send(groups, held, [arrival(token) for _ in range(8)])
    assert answers.count(BUSY) == 3
    assert "Retry-After" in BUSY.headers
    assert (await groups.answer(arrival(token))).status == 202


async def test_what_waits_is_bounded_by_size(
    token: str, groups: Groups, held: Held, settings: Settings
) -> None:
    settings.WEBHOOK_WAITING_BYTES = 1000
    body = b'"' + b"x" * 300 + b'"'
    answers = await send(groups, held, [arrival(token, body) for _ in range(5)])
    assert answers.count(BUSY) == 2


async def test_who_hangs_up_after_sending_loses_nothing(
    token: str, groups: Groups, held: Held
) -> None:
    task = asyncio.create_task(groups.answer(arrival(token)))
    await held.until_it_stands()
    task.cancel()
    held.release()
    with pytest.raises(asyncio.CancelledError):
        await task
    await groups.settle()
    assert await Event.objects.acount() == 1


async def test_uploaded_code_holds_nobody_up(
    token: str, make_hook: MakeHook, groups: Groups, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    slow_token = await sync_to_async(make_hook)("github")
    kind = type(webhook_types.find("github"))
    verify = kind.verify

    def slowly(self: Any, request: Incoming, config: Any, *, now: float) -> None:
        assert go.wait(20)
        verify(self, request, config, now=now)

    monkeypatch.setattr(kind, "runs_code", True)
    monkeypatch.setattr(kind, "verify", slowly)
    signed = webhook_types.find("github").sign(b'{"a": 1}', {"secret": SECRET}, now=0)
    request = arrival(slow_token, x_hub_signature_256=signed["X-Hub-Signature-256"])
    slow = asyncio.create_task(groups.answer(request))
    for _ in range(3):
        assert (await groups.answer(arrival(token))).status == 202
    assert not slow.done()
    go.set()
    assert (await slow).status == 202


@pytest.mark.parametrize("change", ["delete", "replace"])
async def test_a_changed_address_counts_at_once(change: str, token: str, groups: Groups) -> None:
    assert (await groups.answer(arrival(token))).status == 202
    if change == "delete":
        await WebhookEndpoint.objects.all().adelete()
    else:
        await WebhookEndpoint.objects.aupdate(token_hash=uuid7().hex)
    assert (await groups.answer(arrival(token))).status == 404
