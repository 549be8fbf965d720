"""How often a delivery counts: one with a name once, whoever signed it; one without each time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from tests.triggers.hooks import MakeHook, send
from triggers.models import Event, Trigger


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
