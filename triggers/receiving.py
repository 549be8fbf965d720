"""A request to a webhook's address: counted, judged, stored in one INSERT, and only then answered."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from config.lib import actors, clock, throttle
from crm import backlog
from triggers import events, intake, webhook_secrets
from triggers.intake import Accepted, Answered, Refused
from triggers.models import WebhookEndpoint, WebhookRejection
from triggers.sources import webhook
from triggers.sources.email import BOUNCED
from triggers.webhook_types import Incoming


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


def receive(token: str, request: Incoming, *, network: str) -> Answer:
    """`network`: the peer as limits count it. Raises Refused; a refusal of a known address is a row."""
    _limit("webhook_peer", f"peer:{network}", settings.WEBHOOK_PER_PEER_MINUTE)
    now = clock.now()
    endpoint = WebhookEndpoint.objects.at(token, now=now)
    if endpoint is None:
        raise Refused(404, "not_found", "There is nothing at this address.")
    try:
        _limit("webhook", f"endpoint:{endpoint.pk}", settings.WEBHOOK_PER_MINUTE)
        _limit("webhook_total", "all", settings.WEBHOOK_TOTAL_PER_MINUTE)
        config = webhook_secrets.opened(endpoint.trigger.config, sealed=endpoint.trigger.sealed)
        found = intake.judge(request, config, now=now.timestamp())
        if isinstance(found, Answered):
            return Answer(200, found.body)
        if wait := backlog.seconds_to_wait(endpoint.workspace):
            raise _later("queue_full", backlog.MESSAGE, wait)
    except Refused as refused:
        _write_down(refused, request, endpoint)
        raise
    return _store(found, endpoint)


def _limit(name: str, caller: str, per_minute: int) -> None:
    wait = throttle.seconds_to_wait(name, callers=[caller], per_minute=per_minute)
    if wait:
        raise _later("rate_limited", f"Too many requests; try again in {wait} seconds.", wait)


def _later(code: str, message: str, wait: int) -> Refused:
    return Refused(429, code, message, headers={"Retry-After": str(wait)})


def _store(found: Accepted, endpoint: WebhookEndpoint) -> Answer:
    """One INSERT; a delivery that is known already answers with its first event."""
    key = dedupe_key(endpoint.pk, found.delivery_id)
    drafts = [
        events.Draft(
            webhook.type_name(found.kind.name),
            endpoint.workspace_id,
            found.payload,
            topic=webhook.topic(endpoint.trigger_id),
            source="webhook",
            dedupe_key=key,
            verified=found.verified,
            max_bytes=intake.MAX_STORED_BYTES,
        )
    ]
    drafts += [
        events.Draft(
            BOUNCED,
            endpoint.workspace_id,
            payload,
            source="webhook",
            dedupe_key=key and f"{key}:{number}",
            verified=found.verified,
        )
        for number, payload in enumerate(found.bounces)
    ]
    with actors.acting_as("system"):
        event = events.emit_many(drafts)[0]
    is_first = event.pk == drafts[0].id
    return Answer(202 if is_first else 200, found.kind.answer(str(event.pk)))


def dedupe_key(endpoint_id: uuid.UUID, delivery_id: str) -> str:
    """What a delivery is known by at this endpoint alone, however long its id; empty where it has none."""
    if not delivery_id:
        return ""
    named = hashlib.sha256(delivery_id.encode("utf-8", "replace")).hexdigest()
    return f"{endpoint_id}:{named}"


def _write_down(refused: Refused, request: Incoming, endpoint: WebhookEndpoint) -> None:
    """Bounded: a sender that goes wrong a thousand times a minute leaves a few rows a minute."""
    callers = [f"endpoint:{endpoint.pk}"]
    if throttle.seconds_to_wait(
        "webhook_rejections", callers=callers, per_minute=settings.WEBHOOK_REJECTIONS_PER_MINUTE
    ):
        return
    WebhookRejection.objects.create(
        workspace_id=endpoint.workspace_id,
        trigger_id=endpoint.trigger_id,
        status=refused.status,
        reason=refused.code,
        detail=refused.detail[:500].replace("\x00", ""),
        service=str(endpoint.trigger.config.get("webhook_type", ""))[:50],
        delivery_id=intake.claimed_delivery(request, endpoint.trigger.config),
        method=request.method[:10],
        peer=request.peer[:50],
        headers=intake.seen_headers(request),
        size=len(request.body),
    )
