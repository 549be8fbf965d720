"""The list of what came to webhooks: real requests, filters, pages, and its cost in a large history."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.lib import clock
from config.lib.ids import uuid7
from crm.models import Workspace
from executions import dispatcher
from executions.pages import deliveries
from executions.pages.deliveries import Asked
from executions.pages.delivery import Delivery, Outcome
from tests.stories import MakeAgent
from tests.webhooks import Client
from triggers import blueprint
from triggers.models import Event, Trigger, WebhookEndpoint, WebhookRejection

SECRET = "a secret of some length"
MakeHook = Callable[..., Trigger]


@pytest.fixture
def make_hook(make_agent: MakeAgent) -> MakeHook:
    agent = make_agent("Hook", {"action": "notify", "params": {"message": "Hello"}})

    def make(name: str, **fields: Any) -> Trigger:
        trigger = Trigger(workspace=agent.workspace)
        given = {
            "name": name,
            "agent_id": str(agent.pk),
            "trigger_type": "webhook",
            "config": {"webhook_config": {"secret": SECRET}},
            **fields,
        }
        blueprint.store(trigger, given)
        return trigger

    return make


@pytest.fixture
def hook(make_hook: MakeHook) -> Trigger:
    return make_hook("Orders")


def send(
    trigger: Trigger, body: bytes = b'{"a": 1}', *, key: str = "", secret: str = SECRET
) -> Any:
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    address = f"/webhooks/{WebhookEndpoint.objects.get(trigger=trigger).sealed}"
    headers = {"X-Webhook-Signature": signature, **({"Idempotency-Key": key} if key else {})}
    return Client().post(address, body, content_type="application/json", headers=headers)


def listed(trigger: Trigger, **asked: Any) -> list[Delivery]:
    return deliveries.page(Asked([trigger.workspace_id], **asked)).rows


def test_all_three_kinds_stand_in_one_list(hook: Trigger, make_hook: MakeHook) -> None:
    picky = make_hook(
        "Large orders",
        conditions=[{"field": "request.body.total", "operator": "greater_than", "value": 100}],
    )
    send(hook, key="one")
    send(hook, secret="wrong", key="two")
    send(picky, b'{"total": 5}')
    dispatcher.dispatch()
    skipped, refused, accepted = listed(hook)
    assert [one.outcome for one in (skipped, refused, accepted)] == [
        Outcome.SKIPPED,
        Outcome.REJECTED,
        Outcome.ACCEPTED,
    ]
    assert (skipped.reason, skipped.trigger) == ("condition_false", picky)
    assert (refused.reason, refused.delivery_id, refused.size) == ("unverified", "two", 8)
    assert (accepted.delivery_id, accepted.peer, accepted.size) == ("one", "127.0.0.1", 8)
    assert accepted.why == "Hook: queued."
    assert [one.service for one in (skipped, refused, accepted)] == ["generic"] * 3


def test_filters_narrow_it(hook: Trigger, make_hook: MakeHook) -> None:
    other = make_hook("Other")
    send(hook, key="order/17")
    send(other, secret="wrong", key="order/18")
    dispatcher.dispatch()
    assert [one.trigger for one in listed(hook, trigger_id=hook.pk)] == [hook]
    assert [one.trigger for one in listed(hook, trigger_id=other.pk)] == [other]
    assert [one.delivery_id for one in listed(hook, named="order/17")] == ["order/17"]
    assert [one.delivery_id for one in listed(hook, named="order/18")] == ["order/18"]
    assert [one.delivery_id for one in listed(hook, named=str(Event.objects.get().pk))] == [
        "order/17"
    ]
    assert listed(hook, named="order/1") == []
    assert [one.outcome for one in listed(hook, outcome="rejected")] == [Outcome.REJECTED]
    assert [one.outcome for one in listed(hook, outcome="accepted")] == [Outcome.ACCEPTED]
    assert listed(hook, outcome="skipped") == []
    assert [one.trigger for one in listed(hook, reason="unverified")] == [other]
    assert listed(hook, reason="cooldown") == []
    assert len(listed(hook, service="generic")) == 2
    assert listed(hook, service="github") == []
    assert len(listed(hook, since=clock.now() - dt.timedelta(hours=1))) == 2
    assert listed(hook, until=clock.now() - dt.timedelta(hours=1)) == []


def test_who_shares_an_address_hears_what_comes_there(hook: Trigger, make_hook: MakeHook) -> None:
    second = make_hook("Second", config={"endpoint": str(hook.pk)})
    send(hook)
    send(hook, secret="wrong")
    assert len(listed(hook, trigger_id=second.pk)) == 2


def test_what_nobody_hears_says_so(hook: Trigger) -> None:
    send(hook)
    assert [one.why for one in listed(hook)] == ["It has not been handed out yet."]
    blueprint.store(hook, {"trigger_type": "manual", "config": {}})
    dispatcher.dispatch()
    assert [one.why for one in listed(hook)] == ["Nobody listens at this address."]


def test_another_workspace_sees_nothing_of_it(hook: Trigger, other: Workspace) -> None:
    send(hook, key="one")
    send(hook, secret="wrong")
    for asked in (
        {},
        {"named": "one"},
        {"trigger_id": hook.pk},
        {"named": str(Event.objects.get().pk)},
    ):
        assert deliveries.page(Asked([other.pk], **asked)).rows == []
    assert deliveries.page(Asked([])).rows == []


def test_several_workspaces_are_one_list(
    hook: Trigger, other: Workspace, make_agent: MakeAgent
) -> None:
    theirs = make_agent("Theirs", workspace=other).triggers.get()
    send(hook)
    _refuse(theirs, "unverified")
    page = deliveries.page(Asked([other.pk, hook.workspace_id]))
    assert [one.trigger for one in page.rows] == [theirs, hook]


def test_pages_follow_each_other_without_a_gap(hook: Trigger) -> None:
    _fill(hook, 30)
    found: list[uuid.UUID] = []
    before = None
    for _ in range(8):
        page = deliveries.page(Asked([hook.workspace_id], before=before), size=7)
        found += [one.id for one in page.rows]
        before = page.older
        if before is None:
            break
    assert len(found) == len(set(found)) == 45
    assert found == sorted(found, reverse=True)


def test_a_rare_reason_is_looked_for_piece_by_piece(
    hook: Trigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "LOOKED_AT", 10)
    _refuse(hook, "invalid_json")
    _fill(hook, 30)
    before, looks = None, 0
    while not (page := _page(hook, before, reason="invalid_json")).rows:
        assert page.looked_until is not None
        before, looks = page.older, looks + 1
        assert looks < 5
    assert [one.reason for one in page.rows] == ["invalid_json"]
    assert looks == 1


def _page(hook: Trigger, before: uuid.UUID | None, **asked: Any) -> deliveries.Page:
    return deliveries.page(Asked([hook.workspace_id], before=before, **asked))


def _refuse(hook: Trigger, reason: str) -> None:
    WebhookRejection.objects.create(
        workspace=hook.workspace, trigger=hook, status=400, reason=reason, method="POST", service="generic",
    )  # fmt: skip


def _fill(hook: Trigger, number: int) -> None:
    """So many events, and after every second one a refusal."""
    for index in range(number):
        send_event(hook, index)
        if index % 2:
            _refuse(hook, "unverified")


def send_event(hook: Trigger, index: int) -> None:
    pk = uuid7()
    Event.objects.create(
        id=pk, root_id=pk, workspace=hook.workspace, type="webhook.generic", topic=f"webhook:{hook.pk}",
        source="webhook", state="matched", occurred_at=clock.reckoned(),
        payload={"request": {"method": "POST", "peer": "192.0.2.1", "size": 5, "delivery_id": f"d{index}"}},
    )  # fmt: skip


HISTORY = """
INSERT INTO triggers_event (id, workspace_id, type, topic, source, subject, dedupe_key, payload, actor, verified,
    occurred_at, recorded_at, root_id, depth, chain, correlation_id, state, attempts, executions_count, error)
SELECT (lpad(to_hex(1700000000000 + n), 12, '0') || '7000' || '8' || lpad(to_hex(n), 15, '0'))::uuid, %(workspace)s,
    CASE WHEN n %% 50 = 0 THEN 'webhook.generic' ELSE 'contact_created' END,
    CASE WHEN n %% 50 = 0 THEN 'webhook:' || %(trigger)s ELSE 'contact_created' END,
    CASE WHEN n %% 50 = 0 THEN 'webhook' ELSE 'crm' END, '', '',
    '{"request": {"method": "POST", "size": 5}}', 'system', true, now(), now(), gen_random_uuid(), 0, '[]', '',
    'matched', 0, 0, ''
FROM generate_series(1, 100000) AS n
"""


@pytest.mark.parametrize(
    "asked, index",
    [
        ({}, "event_delivered"),
        ({"trigger_id": "hook"}, "event_delivered_at"),
        ({"outcome": "skipped"}, "event_delivered"),
        ({"service": "github"}, "event_type_newest"),
    ],
    ids=["all", "of a trigger", "skipped", "of a type"],
)
def test_the_list_does_not_read_the_history(
    asked: dict[str, Any], index: str, hook: Trigger
) -> None:
    """100,000 events, of which 2,000 came to the webhook."""
    with connection.cursor() as cursor:
        cursor.execute(HISTORY, {"workspace": hook.workspace_id, "trigger": str(hook.pk)})
        cursor.execute("ANALYZE triggers_event")
    asked = {name: hook.pk if value == "hook" else value for name, value in asked.items()}
    with CaptureQueriesContext(connection) as queries:
        page = deliveries.page(Asked([hook.workspace_id], **asked))
    assert len(page.rows) == (0 if "service" in asked or "outcome" in asked else 50)
    assert len(queries) <= 7
    plans = ""
    with connection.cursor() as cursor:
        for one in queries.captured_queries:
            cursor.execute(f"EXPLAIN {one['sql']}")
            plans += "\n".join(line for (line,) in cursor.fetchall()) + "\n"
    assert "Seq Scan on triggers_event" not in plans
    assert f"using {index} " in plans, plans
