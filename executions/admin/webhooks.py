"""Webhooks in the admin: a trigger's address, and the requests that were turned away there."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from config.lib import clock
from crm.admin.actions import Done, ObjectAction, Refused
from crm.admin.base import READ_ONLY, OwnRowsFilter, WorkspaceModelAdmin
from crm.admin.columns import column
from crm.models import Role
from triggers.models import Trigger, TriggerType, WebhookRejection
from triggers.sources import webhook


def show_address(request: HttpRequest, trigger: Trigger, cleaned: dict[str, Any]) -> Done:
    """The trail keeps that it was looked at, not the address."""
    found = webhook.url(trigger, in_full=True)
    if found is None:
        raise Refused("The trigger whose address it shares is gone.")
    return Done(f"The sender calls {found}")


def replace_address(request: HttpRequest, trigger: Trigger, cleaned: dict[str, Any]) -> Done:
    endpoint = webhook.endpoint_of(trigger)
    if endpoint is None:
        raise Refused("The trigger whose address it shares is gone.")
    endpoint.replace_token(now=clock.now())
    return Done(
        f"The new address is {webhook.url(trigger, in_full=True)}; the old one works for another day."
    )


def _is_webhook(trigger: Trigger) -> bool:
    return trigger.trigger_type == TriggerType.WEBHOOK


ACTIONS = [
    ObjectAction(
        "show_address",
        "Show the address",
        show_address,
        role=Role.ADMIN,
        icon="link",
        shown=_is_webhook,
        in_bulk=False,
    ),
    ObjectAction(
        "replace_address",
        "New address",
        replace_address,
        role=Role.ADMIN,
        icon="sync",
        ask="The sender must be told the new address; the old one works for another 24 hours.",
        shown=_is_webhook,
        in_bulk=False,
    ),
]


@admin.register(WebhookRejection)
class WebhookRejectionAdmin(WorkspaceModelAdmin):
    needs = READ_ONLY
    list_display = ["at", "trigger", "status", "reason", "peer", "size"]
    list_filter = ["reason", ("trigger", OwnRowsFilter)]
    ordering = ["-id"]
    list_select_related = ["trigger", "workspace"]
    fields = [
        "at",
        "trigger",
        "status",
        "reason",
        "detail",
        "method",
        "peer",
        "size",
        "headers_read",
    ]
    readonly_fields = ["headers_read"]

    @column("Headers")
    def headers_read(self, row: WebhookRejection) -> str:
        return "; ".join(f"{name}: {value}" for name, value in row.headers.items())
