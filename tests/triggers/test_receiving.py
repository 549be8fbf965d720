"""The address of a webhook: what is stored, what is refused, and what is written down of it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings
from rest_framework.test import APIClient

from config.lib import clock, secrets
from crm.models import Workspace
from executions.models import AuditEntry
from tests.conftest import MakeClient, MakeMember
from tests.stories import MakeAgent
from tests.webhooks import Client
from triggers import blueprint, webhook_types
from triggers.models import Event, Trigger, WebhookEndpoint, WebhookRejection

SECRET = "a secret of some length"
MakeHook = Callable[..., Trigger]


@pytest.fixture
def make_hook(make_agent: MakeAgent) -> MakeHook:
    agent = make_agent("Hook", {"action": "notify", "params": {"message": "Hello"}})

    def make(name: str = "Orders", **config: Any) -> Trigger:
        trigger = Trigger(workspace=agent.workspace)
        config = {"webhook_config": {"secret": SECRET}, **config}
        given = {
            "name": name,
            "agent_id": str(agent.pk),
            "trigger_type": "webhook",
            "config": config,
        }
        blueprint.store(trigger, given)
        return trigger

    return make


@pytest.fixture
def hook(make_hook: MakeHook) -> Trigger:
    return make_hook()


def address(trigger: Trigger) -> str:
    return f"/webhooks/{WebhookEndpoint.objects.get(trigger=trigger).sealed}"


def sign(body: bytes) -> str:
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


def send(trigger: Trigger | str, body: bytes = b'{"a": 1}', **more: Any) -> Any:
    """A signed POST of JSON, unless `more` says otherwise."""
    headers = {"X-Webhook-Signature": sign(body), **more.pop("headers", {})}
    url = trigger if isinstance(trigger, str) else address(trigger)
    method = more.pop("method", "POST")
    content_type = more.pop("content_type", "application/json")
    client = Client()
    return client.generic(method, url, body, content_type=content_type, headers=headers, **more)


def test_the_event_holds_the_request_without_its_secrets(hook: Trigger) -> None:
    answer = send(
        f"{address(hook)}?page=2&token=hidden", headers={"Cookie": "s=1", "X-Kind": "order"}
    )
    assert answer.status_code == 202, answer.content
    event = Event.objects.get(pk=answer.json()["event_id"])
    asked = event.payload["request"]
    assert (asked["body"], asked["method"], asked["content_type"]) == (
        {"a": 1},
        "POST",
        "application/json",
    )
    assert asked["query_params"] == {"page": "2", "token": "[redacted]"}
    assert (asked["headers"]["x-kind"], asked["headers"]["cookie"]) == ("order", "[redacted]")
    assert (event.type, event.topic, event.verified) == (
        "webhook.generic",
        f"webhook:{hook.pk}",
        True,
    )
    assert SECRET not in str(event.payload)
    assert sign(b'{"a": 1}') not in str(event.payload)


@pytest.mark.parametrize(
    "status, code, change",
    [
        (401, "unverified", {"headers": {"X-Webhook-Signature": ""}}),
        (401, "unverified", {"headers": {"X-Webhook-Signature": "0" * 64}}),
        (405, "method_not_allowed", {"method": "PUT"}),
        (405, "method_not_allowed", {"method": "GET"}),
        (413, "too_large", {"body": b"[" + b" " * 1024 * 1024 + b"]"}),
        (415, "compressed", {"headers": {"Content-Encoding": "gzip"}}),
        (415, "unsupported_content_type", {"content_type": "text/plain"}),
        (400, "invalid_json", {"body": b"{"}),
        (400, "invalid_json", {"body": b'{"a": NaN}'}),
        (400, "invalid_json", {"body": b'{"a": 1, "a": 2}'}),
        (400, "invalid_json", {"body": b'{"a": "\\u0000"}'}),
        (400, "invalid_json", {"body": b'{"a": "\\ud800"}'}),
        (400, "invalid_json", {"body": b"[" * 65 + b"]" * 65}),
    ],
)
def test_refusals_are_written_down(
    status: int, code: str, change: dict[str, Any], hook: Trigger
) -> None:
    answer = send(hook, **change)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert answer.json().keys() == {
        "error_code",
        "error_message",
        "details",
        "timestamp",
        "request_id",
    }
    row = WebhookRejection.objects.get()
    assert (row.status, row.reason, row.trigger, row.peer) == (status, code, hook, "127.0.0.1")
    assert row.headers.get("x-webhook-signature", "[redacted]") == "[redacted]"
    assert not Event.objects.exists()
    assert send(hook).status_code == 202


def test_a_wrong_method_names_the_right_ones(make_hook: MakeHook) -> None:
    trigger = make_hook(allowed_methods=["post", "PUT"])
    assert send(trigger, method="DELETE")["Allow"] == "POST, PUT"
    assert send(trigger, method="PUT").status_code == 202


@pytest.mark.parametrize("url", ["/webhooks/x", "/webhooks/wh_unknown", "/webhooks/" + "x" * 100])
def test_unknown_addresses_are_404_and_leave_nothing(url: str, hook: Trigger) -> None:
    assert send(url).status_code == 404
    assert not WebhookRejection.objects.exists()


def test_rules_of_the_trigger(make_hook: MakeHook) -> None:
    schema = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}
    rules = {"required_headers": ["X-Kind"], "json_schema": schema, "allowed_ips": ["127.0.0.0/8"]}
    trigger = make_hook(validation_rules=rules)
    assert send(trigger).json()["error_code"] == "header_missing"
    kind = {"X-Kind": "order"}
    wrong = send(trigger, b'{"id": "x"}', headers=kind)
    assert (wrong.status_code, list(wrong.json()["details"])) == (400, ["id"])
    fits = send(trigger, b'{"id": 7}', headers=kind)
    assert Event.objects.get(pk=fits.json()["event_id"]).payload["schema_valid"] is True
    elsewhere = send(trigger, b'{"id": 7}', headers=kind, REMOTE_ADDR="192.0.2.7")
    assert (elsewhere.status_code, elsewhere.json()["error_code"]) == (403, "peer_not_allowed")


def test_a_delivery_sent_again_answers_the_first_event(hook: Trigger, make_hook: MakeHook) -> None:
    key = {"Idempotency-Key": "order-17"}
    first, again = send(hook, headers=key), send(hook, headers=key)
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["event_id"] == again.json()["event_id"]
    elsewhere = send(make_hook("Another"), headers=key)
    assert elsewhere.status_code == 202
    assert Event.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_are_one_event(hook: Trigger) -> None:
    def deliver(_: int) -> tuple[int, str]:
        try:
            answer = send(hook, headers={"Idempotency-Key": "order-17"})
            return answer.status_code, answer.json()["event_id"]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(deliver, range(50)))
    assert {status for status, _ in answers} <= {200, 202}
    assert len({event for _, event in answers}) == 1
    assert Event.objects.count() == 1


def test_unsigned_senders_cannot_suppress_events(make_hook: MakeHook) -> None:
    trigger = make_hook(webhook_config={"unsigned": True})
    for _ in range(2):
        assert (
            send(trigger, headers={"Idempotency-Key": "1", "X-Webhook-Signature": ""}).status_code
            == 202
        )
    assert Event.objects.filter(verified=False).count() == 2


@pytest.mark.parametrize(
    "config",
    [
        {"webhook_type": "gone"},
        {},
        {"webhook_type": None},
        {"webhook_type": "generic", "validation_rules": {"x": 1}},
        {"webhook_type": "generic", "allowed_methods": 5},
        {"webhook_type": "generic", "validation_rules": {"allowed_ips": 5}},
    ],
    ids=[
        *("deleted type", "no type", "broken type", "unknown rules", "broken methods"),
        "broken rules",
    ],
)
def test_what_is_unclear_is_not_accepted(config: dict[str, Any], hook: Trigger) -> None:
    Trigger.objects.filter(pk=hook.pk).update(config=config)
    assert send(hook).status_code == 401
    assert not Event.objects.exists()


def test_a_verifier_that_breaks_accepts_nothing(
    hook: Trigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(type(webhook_types.find("generic")), "verify", broken)
    assert send(hook).status_code == 401
    assert not Event.objects.exists()


def test_a_secret_that_cannot_be_opened_accepts_nothing(hook: Trigger) -> None:
    Trigger.objects.filter(pk=hook.pk).update(sealed="")
    assert send(hook).status_code == 401


def test_a_replaced_address_works_for_another_day(hook: Trigger, api: APIClient) -> None:
    old = address(hook)
    answer = api.post(f"/api/v1/triggers/{hook.pk}/regenerate-webhook")
    assert answer.status_code == 200, answer.content
    new = address(hook)
    assert answer.json()["webhook_url"].endswith(new)
    assert new != old
    assert [send(url).status_code for url in (old, new)] == [202, 202]
    api.post(f"/api/v1/triggers/{hook.pk}/regenerate-webhook")  # a second click
    newest = address(hook)
    assert [send(url).status_code for url in (old, new, newest)] == [202, 202, 202]
    endpoint = WebhookEndpoint.objects.get()
    endpoint.former[secrets.digest(old.rpartition("/")[2])] = clock.now().timestamp() - 1
    endpoint.save()
    assert [send(url).status_code for url in (old, new, newest)] == [404, 202, 202]
    assert old[10:] not in str(list(AuditEntry.objects.values_list("before", "after")))


def test_the_address_is_shown_in_full_with_the_scope_secrets_only(
    hook: Trigger, api: APIClient, client_of: MakeClient, member: MakeMember
) -> None:
    reader = client_of(member("bob"), scopes=["read", "write"])
    full = address(hook)
    for url in (f"/api/v1/triggers/{hook.pk}", f"/api/v1/triggers/{hook.pk}/webhook-url"):
        assert api.get(url).json()["webhook_url"].endswith(full)
        assert reader.get(url).json()["webhook_url"].endswith(f"/webhooks/…{full[-4:]}")
    assert full not in reader.get("/api/v1/triggers").content.decode()
    assert reader.post(f"/api/v1/triggers/{hook.pk}/regenerate-webhook").status_code == 403


def test_secrets_are_masked_and_stored_encrypted(hook: Trigger, api: APIClient) -> None:
    url = f"/api/v1/triggers/{hook.pk}"
    shown = api.get(url).json()["config"]
    assert SECRET not in api.get(url).content.decode()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t::text || e::text FROM triggers_trigger t JOIN triggers_webhookendpoint e ON true"
        )
        (stored,) = cursor.fetchone()
    assert SECRET not in stored
    assert address(hook)[10:] not in stored
    kept = api.patch(url, {"config": {**shown, "allowed_methods": ["POST", "PUT"]}})
    assert kept.status_code == 200, kept.content
    assert send(hook, method="PUT").status_code == 202, "a mask that is sent back keeps its secret"
    forged = api.patch(url, {"config": {**shown, "webhook_config": {"secret": "[secret …xxxx]"}}})
    assert forged.status_code == 400


@pytest.mark.parametrize(
    "config, path",
    [
        ({"webhook_type": "nonsense"}, "config.webhook_type"),
        ({"webhook_type": "github"}, "config.webhook_config.secret"),
        (
            {"webhook_type": "telegram", "webhook_config": {"bot_token": "x"}},
            "config.webhook_config.bot_token",
        ),
        ({"webhook_config": {}}, "config.webhook_config.secret"),
        ({"webhook_config": {"secret": "x", "color": 1}}, "config.webhook_config.color"),
        ({"allowed_methods": ["PATCH"]}, "config.allowed_methods[0]"),
        ({"validation_rules": {"allowed_ips": ["x"]}}, "config.validation_rules.allowed_ips[0]"),
        (
            {"validation_rules": {"json_schema": {"$ref": "https://example.org/x"}}},
            "config.validation_rules.json_schema",
        ),
        ({"validation_rules": {"json_schema": {"type": 5}}}, "config.validation_rules.json_schema"),
        ({"endpoint": "0190a6a0-0000-7000-8000-000000000000"}, "config.endpoint"),
        ({"endpoint": "x"}, "config.endpoint"),
    ],
)
def test_wrong_configurations_are_told_by_path(
    config: dict[str, Any], path: str, make_hook: MakeHook
) -> None:
    full = config if "webhook_type" in config else {"webhook_config": {"secret": SECRET}, **config}
    with pytest.raises(blueprint.InvalidTrigger) as caught:
        make_hook("Wrong", **{"webhook_config": {}, **full})
    assert path in caught.value.problems


def test_all_triggers_of_an_address_run(
    hook: Trigger, make_hook: MakeHook, api: APIClient, other: Workspace
) -> None:
    second = make_hook("Second", endpoint=str(hook.pk), webhook_config={})
    assert second.topic == hook.topic
    assert not WebhookEndpoint.objects.filter(trigger=second).exists()
    shown = api.get(f"/api/v1/triggers/{second.pk}/webhook-url").json()["webhook_url"]
    assert shown.endswith(address(hook))
    event = Event.objects.get(pk=send(hook).json()["event_id"])
    heard = Trigger.objects.listening_for([(event.workspace_id, event.topic)])
    assert {one.pk for one in heard} == {hook.pk, second.pk}


def test_limits_count_the_real_peer(hook: Trigger, settings: Settings) -> None:
    settings.WEBHOOK_PER_PEER_MINUTE, settings.NUM_PROXIES = 3, 0
    answers = [
        send(hook, headers={"X-Forwarded-For": f"192.0.2.{n}"}, REMOTE_ADDR="198.51.100.77")
        for n in range(6)
    ]
    assert [answer.status_code for answer in answers] == [202] * 3 + [429] * 3
    assert int(answers[-1]["Retry-After"]) > 0


def test_a_full_queue_refuses(hook: Trigger) -> None:
    Workspace.objects.update(queue_limit=1)
    assert [send(hook).status_code for _ in range(3)][-1] == 429
    assert WebhookRejection.objects.filter(reason="queue_full").exists()


def test_slack_s_question_is_answered_without_an_event(make_hook: MakeHook) -> None:
    trigger = make_hook(webhook_type="slack")
    body = b'{"type": "url_verification", "challenge": "3eZ"}'
    now = clock.now().timestamp()
    headers = webhook_types.find("slack").sign(body, {"secret": SECRET}, now=now)
    answer = send(trigger, body, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"challenge": "3eZ"})
    assert not Event.objects.exists()


def test_a_bounce_is_two_events_and_once(make_hook: MakeHook) -> None:
    trigger = make_hook(webhook_type="bounce")
    body = b'{"email": "ann@example.org", "reason": "550 no"}'
    for _ in range(2):
        send(trigger, body, headers={"Idempotency-Key": "b1"})
    assert sorted(Event.objects.values_list("type", flat=True)) == [
        "email.bounced",
        "webhook.bounce",
    ]
    bounced = Event.objects.get(type="email.bounced")
    assert bounced.payload["email"]["to"] == ["ann@example.org"]


def test_a_body_near_the_limit_is_kept_whole(hook: Trigger) -> None:
    text = "x" * (1024 * 1024 - 100)
    body = b'{"text": "' + text.encode() + b'"}'
    event = Event.objects.get(pk=send(hook, body).json()["event_id"])
    assert event.payload["request"]["body"]["text"] == text


def test_a_request_leaves_its_sender_size_and_name(hook: Trigger) -> None:
    send(hook, headers={"Idempotency-Key": "order-1"}, REMOTE_ADDR="192.0.2.9")
    asked = Event.objects.get().payload["request"]
    assert (asked["peer"], asked["size"], asked["delivery_id"]) == ("192.0.2.9", 8, "order-1")
    send(hook, headers={"Idempotency-Key": "order-2", "X-Webhook-Signature": "0"})
    row = WebhookRejection.objects.get()
    assert (row.service, row.delivery_id, row.size) == ("generic", "order-2", 8)
