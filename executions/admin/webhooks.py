"""Webhooks on a trigger's page: its address, how the sender is set up, and a test that goes the sender's way."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, JsonResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from config.lib import clock, throttle
from config.lib.registry import UnknownName
from crm.admin import roles
from crm.admin.actions import Done, ObjectAction, Refused
from crm.admin.values import ValueField
from crm.models import Role
from triggers import own_types, sending
from triggers.models import Trigger, TriggerType
from triggers.sources import webhook

_GONE = "The trigger whose address it shares is gone."


def show_address(request: HttpRequest, trigger: Trigger, cleaned: dict[str, Any]) -> Done:
    """The trail keeps that it was looked at, not the address."""
    found = webhook.url(trigger, in_full=True)
    if found is None:
        raise Refused(_GONE)
    if "application/json" in request.headers.get("Accept", ""):
        answer = JsonResponse(
            {"address": found},
        )
        return Done("", page=answer)
    return Done(f"The sender calls {found}")


def replace_address(request: HttpRequest, trigger: Trigger, cleaned: dict[str, Any]) -> Done:
    endpoint = webhook.endpoint_of(trigger)
    if endpoint is None:
        raise Refused(_GONE)
    endpoint.replace_token(now=clock.now())
    return Done(
        f"The new address is {webhook.url(trigger, in_full=True)}; the old one works for another day."
    )


def send_test(request: HttpRequest, trigger: Trigger, cleaned: dict[str, Any]) -> Done:
    peer = throttle.address(request) or ""
    try:
        sent = sending.send_test(trigger, cleaned["body"], peer=peer)
    except sending.CannotSend as error:
        raise Refused(str(error)) from None
    context = admin.site.each_context(request) | {
        "title": "Send test",
        "opts": Trigger._meta,
        "trigger": trigger,
        "sent": sent,
        "body": cleaned["body"],
        "is_accepted": sent.status < 300,
    }
    page = TemplateResponse(request, "admin/test_sent.html", context)
    return Done("", page=page, after={"status": sent.status, "event_id": sent.event_id})


def _body_form(trigger: Trigger) -> type[forms.Form]:
    try:
        sample = sending.sample_body(trigger)
        said = "A sample of what its sender sends. Change what you like."
    except sending.CannotSend as error:
        sample, said = {}, str(error)

    class BodyForm(forms.Form):
        body = ValueField(label="Body", initial=sample, kind=dict, help_text=said)

    return BodyForm


def is_webhook(trigger: Trigger) -> bool:
    return trigger.trigger_type == TriggerType.WEBHOOK


ACTIONS = [
    ObjectAction(
        "send_test",
        "Send test",
        send_test,
        icon="outgoing_mail",
        ask="It is signed with the trigger's secret and goes the way of every request: where it is accepted, every "
        "trigger at this address runs for real. The answer is shown.",
        form=_body_form,
        shown=is_webhook,
        in_bulk=False,
    ),
    ObjectAction(
        "show_address",
        "Show the address",
        show_address,
        role=Role.ADMIN,
        shown=lambda trigger: False,  # its button stands beside the address
        in_bulk=False,
    ),
    ObjectAction(
        "replace_address",
        "New address",
        replace_address,
        role=Role.ADMIN,
        icon="sync",
        ask="The sender must be told the new address; the old one works for another 24 hours.",
        shown=is_webhook,
        in_bulk=False,
    ),
]


@dataclass(frozen=True, slots=True)
class Panel:
    """What the trigger's page says of its address; `owner` is another trigger where it shares that one's."""

    address: str
    label: str
    setup: str
    is_unsigned: bool
    owner: Trigger | None
    show_url: str  # empty for those who may not see it
    deliveries_url: str
    previous_until: dt.datetime | None


def panel(request: HttpRequest, trigger: Trigger) -> Panel | None:
    """Two queries; None for triggers of other types."""
    endpoint = webhook.endpoint_of(trigger) if is_webhook(trigger) else None
    if endpoint is None:
        return None
    owner = endpoint.trigger
    try:
        kind = own_types.kind_of(owner)
        label, setup = kind.label, kind.setup
    except UnknownName:
        label, setup = "Unknown sender", "Its type is not known any more: every request is refused."
    may_show = roles.has_role(request, Role.ADMIN, workspace_id=trigger.workspace_id)
    former = endpoint.still_accepted(clock.reckoned()).values()
    return Panel(
        webhook.masked_url(endpoint),
        label,
        setup,
        webhook.is_unsigned(owner.config),
        None if owner.pk == trigger.pk else owner,
        reverse("admin:triggers_trigger_show_address", args=[trigger.pk]) if may_show else "",
        f"{reverse('admin:triggers_webhookrejection_changelist')}?trigger={trigger.pk}",
        dt.datetime.fromtimestamp(max(former), dt.UTC) if former else None,
    )
