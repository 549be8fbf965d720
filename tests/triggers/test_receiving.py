"""The address of a webhook: what is stored, what is refused, and what is written down of it."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from config.lib import clock
from crm.models import Workspace
from tests.triggers.hooks import SECRET, MakeHook, address, send, sign
from triggers import webhook_types
from triggers.models import Event, Trigger, WebhookRejection


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
