"""Refused requests are written down, a few a minute, for the people of the workspace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.conf import settings

from config.lib import throttle
from config.lib.throttle import Limit
from triggers import intake
from triggers.intake import Refused
from triggers.models import WebhookRejection
from triggers.receiving.arrivals import AWAY, FAILED, Arrival


def refused(arrivals: Iterable[Arrival]) -> list[Arrival]:
    """Those that `write_down` would keep: at an address that somebody has, and not for a fault of ours."""
    return [
        one
        for one in arrivals
        if one.endpoint and isinstance(one.answer, Refused) and one.answer not in (AWAY, FAILED)
    ]


def write_down(arrivals: Sequence[Arrival]) -> None:
    """Bounded: a sender that goes wrong a thousand times a minute leaves a few rows a minute."""
    limit = settings.WEBHOOK_REJECTIONS_PER_MINUTE
    calls = [
        [Limit("webhook_rejections", f"endpoint:{one.endpoint.pk}", limit)]
        for one in arrivals
        if one.endpoint
    ]
    kept = [
        one
        for one, is_too_much in zip(arrivals, throttle.admit(calls), strict=True)
        if not is_too_much
    ]
    WebhookRejection.objects.bulk_create(_rejection(one) for one in kept)


def _rejection(arrival: Arrival) -> WebhookRejection:
    endpoint, request, answer = arrival.endpoint, arrival.request, arrival.answer
    assert endpoint
    assert isinstance(answer, Refused)
    return WebhookRejection(
        workspace_id=endpoint.workspace_id,
        trigger_id=endpoint.trigger_id,
        status=answer.status,
        reason=answer.code,
        detail=answer.detail[:500].replace("\x00", ""),
        service=str(endpoint.trigger.config.get("webhook_type", ""))[:50],
        delivery_id=intake.claimed_delivery(request, endpoint.trigger.config),
        method=request.method[:10],
        peer=request.peer[:50],
        headers=intake.seen_headers(request),
        size=arrival.size,
    )
