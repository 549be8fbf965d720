"""The address of a webhook trigger: its own, or the one that it shares."""

from __future__ import annotations

from django.conf import settings

from triggers.models import Trigger, WebhookEndpoint

TRIGGER_TYPE = "webhook"


def url(trigger: Trigger, *, in_full: bool) -> str | None:
    """Where the sender calls: its own address, or the one it shares. Masked for whoever may not see secrets."""
    if trigger.trigger_type != TRIGGER_TYPE:
        return None
    endpoint = endpoint_of(trigger)
    if endpoint is None:
        return None
    if not in_full:
        return masked_url(endpoint)
    return f"{settings.WEBHOOK_BASE_URL}/webhooks/{endpoint.sealed}"


def masked_url(endpoint: WebhookEndpoint) -> str:
    return f"{settings.WEBHOOK_BASE_URL}/webhooks/…{endpoint.sealed[-4:]}"


def endpoint_of(trigger: Trigger) -> WebhookEndpoint | None:
    owner = trigger.config.get("endpoint") or trigger.pk
    rows = WebhookEndpoint.objects.filter(workspace_id=trigger.workspace_id, trigger_id=owner)
    return rows.select_related("trigger__own_type").first()
