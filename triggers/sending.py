"""Requests that a person sends to a webhook's address: its type's sample, signed, and a stored delivery once more."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from config.lib import clock, json, logs
from config.lib.registry import UnknownName
from triggers import events, intake, own_types, receiving, webhook_secrets, webhook_types
from triggers.models import Event, Trigger, WebhookEndpoint
from triggers.receiving import Answer, Arrival
from triggers.sources import webhook
from triggers.sources.email import BOUNCED
from triggers.webhook_types import Incoming, Unverified, WebhookType

AGENT = "Triggerfish (test)"


class CannotSend(Exception):
    """There is nothing to send, nowhere to send it to, or nothing to sign it with; the message says which."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent, and what the sender would have read. `event_id` where it was accepted; `is_new`: stored now."""

    method: str
    headers: dict[str, str]
    status: int
    answer: dict[str, Any]
    is_new: bool = False

    @property
    def event_id(self) -> str:
        return str(self.answer.get("event_id", ""))


def sample_body(trigger: Trigger) -> dict[str, Any]:
    """What the trigger's sender sends, with an id that no delivery has had. Raises CannotSend."""
    _, body = _renewed(_kind(_endpoint(trigger).trigger))
    return body


def send_test(trigger: Trigger, body: dict[str, Any], *, peer: str) -> Sent:
    """Goes the way of every request: limits, verification, rules, the event. Raises CannotSend."""
    endpoint = _endpoint(trigger)
    owner = endpoint.trigger
    kind, config = _kind(owner), webhook_secrets.opened(owner.config, sealed=owner.sealed)
    raw = json.dumps(body)
    now = clock.now().timestamp()
    try:
        signature = kind.sign(raw, config.get("webhook_config", {}), now=now)
    except Unverified as error:
        raise CannotSend(str(error)) from None
    methods = config.get("allowed_methods") or kind.default_methods
    method = "POST" if "POST" in methods else str(methods[0])
    headers, _ = _renewed(kind)
    headers = {"Content-Type": webhook_types.JSON, "User-Agent": AGENT, **headers, **signature}
    lower = {name.lower(): value for name, value in headers.items()}
    request = Incoming(method, lower, raw, peer=peer)
    seen = intake.seen_headers(request)
    arrival = Arrival(
        endpoint.sealed,
        request,
        peer or "unknown",
        logs.correlation_id.get(),
        size=len(request.body),
    )
    answer = receiving.receive_alone(arrival)
    if isinstance(answer, Answer):
        return Sent(method, seen, answer.status, answer.body, answer.is_new)
    said: dict[str, Any] = {"error_code": answer.code, "error_message": answer.message}
    if answer.fields:
        said["details"] = answer.fields
    return Sent(method, seen, answer.status, said)


def _endpoint(trigger: Trigger) -> WebhookEndpoint:
    """Where the trigger listens; its trigger's configuration is in force there."""
    endpoint = webhook.endpoint_of(trigger)
    if endpoint is None:
        raise CannotSend("The trigger whose address it shares is gone.")
    return endpoint


def _kind(owner: Trigger) -> WebhookType:
    try:
        return own_types.kind_of(owner)
    except UnknownName:
        raise CannotSend("Its type is not known any more.") from None


def _renewed(kind: WebhookType) -> tuple[dict[str, str], dict[str, Any]]:
    """The sample under a delivery id of its own: else the second test would be the first one again."""
    headers, body = kind.sample()
    lower = {name.lower(): value for name, value in headers.items()}
    used = kind.delivery_id(Incoming("POST", lower, json.dumps(body)), body)
    if not used:
        return headers, body
    fresh = str(int(clock.now().timestamp() * 1000)) if used.isdigit() else f"test-{uuid.uuid4()}"
    named = {name: fresh if value == used else value for name, value in headers.items()}
    return named, {
        name: type(value)(fresh) if str(value) == used else value for name, value in body.items()
    }


def repeat(event: Event) -> Event:
    """The same delivery as a new event, which says whose repeat it is and who sent it. Raises CannotSend."""
    if not event.is_delivery:
        raise CannotSend("Only what came to a webhook can be sent again.")
    if event.bodies_deleted:
        raise CannotSend(f"What it said was {event.bodies_deleted}.")
    more: dict[str, Any] = {
        "source": event.source,
        "verified": event.verified,
        "repeat_of": event.pk,
    }
    drafts = [
        events.Draft(
            event.type,
            event.workspace_id,
            event.payload,
            topic=event.topic,
            max_bytes=intake.MAX_STORED_BYTES,
            **more,
        )
    ]
    drafts += [
        events.Draft(BOUNCED, event.workspace_id, payload, **more) for payload in _bounces(event)
    ]
    return events.emit_many(drafts)[0]


def _bounces(event: Event) -> list[dict[str, Any]]:
    try:
        kind = webhook_types.find(str(event.payload.get("service", "")))
    except UnknownName:
        return []
    return kind.bounced(event.payload.get("request", {}).get("body"))
