"""Deliveries in the admin: what came to webhooks, accepted, skipped and refused, in one list; and one once more.

The list is a list of no model: `executions.pages.deliveries` finds its rows. A refused one has a page here, an accepted
one that of its event.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from unfold.views import ChangeList
from unfold.widgets import UnfoldBooleanWidget

from config.lib import clock
from crm.admin import roles
from crm.admin.actions import Done, ObjectAction, Refused
from crm.admin.base import READ_ONLY, WorkspaceModelAdmin
from crm.admin.columns import column
from executions import replay
from executions.admin.words import action_label
from executions.models import Execution
from executions.models.reason import labels
from executions.pages import deliveries
from executions.pages.deliveries import Asked
from executions.pages.delivery import REFUSALS, Delivery, Outcome
from executions.pages.ground import uuid_or_none
from triggers import sending, webhook_types
from triggers.models import Event, OwnWebhookType, Trigger, TriggerType, WebhookRejection

WORKSPACES = 50  # in one list; a person with more chooses
CHOICES = 100  # triggers in the filter; any other is found from its own page
_SPANS = {"hour": 1 / 24, "day": 1, "week": 7, "month": 30}  # days


# --- once more --------------------------------------------------------------------------------------------


def send_again(request: HttpRequest, event: Event, cleaned: dict[str, Any]) -> Done:
    try:
        made = sending.repeat(event)
    except sending.CannotSend as error:
        raise Refused(str(error)) from None
    return Done(
        "Sent again: this is the new event.",
        after={"event_id": str(made.pk), "repeats": _repeats(event)},
        url=reverse("admin:triggers_event_change", args=[made.pk]),
    )


def _repeats(event: Event) -> dict[str, int]:
    return replay.repeats(Execution.objects.filter(event=event))


def _sure(event: Event) -> type[forms.Form]:
    told = [
        "A new event with the same content, marked as a repeat; every trigger at the address hears it."
    ]
    repeats = _repeats(event)
    if repeats:
        steps = [f"{action_label(kind)}, {number:,} times" for kind, number in repeats.items()]
        told.append(f"Done again outside: {'; '.join(steps).replace(', 1 times', ', once')}.")
    else:
        told.append("The first time, nothing was done outside.")

    class Sure(forms.Form):
        sure = forms.BooleanField(
            label="Send it again",
            initial=True,
            help_text=" ".join(told),
            widget=UnfoldBooleanWidget,
        )

    return Sure


SEND_AGAIN = ObjectAction(
    "send_again",
    "Send again",
    send_again,
    icon="forward_to_inbox",
    form=_sure,
    shown=lambda event: event.is_delivery and not event.bodies_deleted,
    in_bulk=False,
)


# --- the list ---------------------------------------------------------------------------------------------


class _Choice(SimpleListFilter):
    """Only says what was chosen: `DeliveryList` asks."""

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset


class OutcomeFilter(_Choice):
    title = "status"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(one.value, one.label) for one in Outcome]


class ReasonFilter(_Choice):
    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        skipped = [(name, f"Skipped: {label.lower()}") for name, label in labels().items()]
        return [*REFUSALS.items(), *skipped]


class ServiceFilter(_Choice):
    title = "type"
    parameter_name = "service"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        kinds = [webhook_types.registry.get(name) for name in webhook_types.registry]
        mine = OwnWebhookType.objects.filter(**roles.in_workspaces(request, "workspace"))
        own = sorted(set(mine.values_list("name", flat=True)[:CHOICES]))
        return [*((kind.name, kind.label) for kind in kinds), *((name, name) for name in own)]


class TriggerFilter(_Choice):
    title = "trigger"
    parameter_name = "trigger"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        mine = Trigger.objects.filter(
            trigger_type=TriggerType.WEBHOOK, **roles.in_workspaces(request, "workspace")
        )
        return [(str(pk), name) for pk, name in mine.values_list("pk", "name")[:CHOICES]]


class TimeFilter(_Choice):
    title = "time"
    parameter_name = "time"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("hour", "Last hour"),
            ("day", "Last day"),
            ("week", "Last 7 days"),
            ("month", "Last 30 days"),
        ]


@dataclass(frozen=True, slots=True)
class Pages:
    """Links in place of numbers: nobody counts the rows."""

    older: str
    newest: str
    looked_until: dt.datetime | None
    template_name: str = "admin/older_pages.html"


class DeliveryList(ChangeList):  # type: ignore[misc]  # unfold has no types
    """Rows are WebhookRejections, unsaved where the request was accepted; each has `.delivery`."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        self.before = uuid_or_none(self.params.pop("before", None))
        self.filter_params.pop("before", None)
        found = self.get_filters(request)
        self.filter_specs, self.has_filters, _, _, self.has_active_filters = found
        self.clear_all_filters_qs = self.get_query_string(remove=list(self.get_filters_params()))
        return self.root_queryset.none()

    def get_results(self, request: HttpRequest) -> None:
        places = {one.pk: one for one in self._workspaces(request)}
        page = deliveries.page(self._asked(list(places)), size=self.list_per_page)
        self.result_list: list[Any] = []
        for delivery in page.rows:
            row = delivery.refusal or WebhookRejection(pk=delivery.id, at=delivery.at)
            row.workspace = places[delivery.workspace_id]
            row.delivery = delivery  # type: ignore[attr-defined]
            self.result_list.append(row)
        older = self.get_query_string({"before": str(page.older)}) if page.older else ""
        newest = self.get_query_string() if self.before else ""
        self.paginator = Pages(older, newest, page.looked_until)
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count = self.show_admin_actions = False
        self.can_show_all = self.multi_page = False

    def _workspaces(self, request: HttpRequest) -> list[Any]:
        """Those that the person may see, or the one chosen; of very many the one that the session is in."""
        mine = roles.workspaces(request).order_by("pk")
        if chosen := uuid_or_none(self.params.get("workspace__id__exact")):
            return list(mine.filter(pk=chosen))
        found = list(mine[: WORKSPACES + 1])
        here = getattr(request, "workspace", None)
        return [here] if len(found) > WORKSPACES and here else found[:WORKSPACES]

    def _asked(self, places: list[Any]) -> Asked:
        days = _SPANS.get(self.params.get("time", ""))
        return Asked(
            places,
            trigger_id=uuid_or_none(self.params.get("trigger")),
            service=self.params.get("service", "")[:50],
            outcome=self.params.get("outcome", ""),
            reason=self.params.get("reason", ""),
            since=clock.reckoned() - dt.timedelta(days=days) if days else None,
            named=self.query.strip()[:200],
            before=self.before,
        )

    def url_for_result(self, result: Any) -> str:
        page = "triggers_event" if result.delivery.event else "triggers_webhookrejection"
        return reverse(f"admin:{page}_change", args=[result.pk])


_OUTCOMES = {"Accepted": "success", "Skipped": "default", "Refused": "danger"}
Method = Callable[[Any, WebhookRejection], Any]


def _of_delivery(description: str, read: Callable[[Delivery], Any]) -> Method:
    @column(description)
    def shown(self: Any, row: WebhookRejection) -> Any:
        return read(row.delivery)  # type: ignore[attr-defined]

    return shown


@admin.register(WebhookRejection)
class DeliveryAdmin(WorkspaceModelAdmin):
    needs = READ_ONLY
    list_display = ["came_at", "outcome", "whom", "kind", "why", "sender", "bytes"]
    list_display_links = ["came_at"]
    list_filter = [OutcomeFilter, ReasonFilter, TriggerFilter, ServiceFilter, TimeFilter]
    list_filter_sheet = True
    search_fields = ["pk"]  # shows the box; the list says what is found
    search_help_text = "A delivery's id as its sender calls it, or an id of ours"
    ordering = ["-id"]
    sortable_by = ()
    list_select_related = ["trigger", "workspace"]
    fields = ["at"]
    change_form_template = "admin/triggers/webhookrejection/page.html"
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    kind = _of_delivery("Type", lambda one: one.service)
    sender = _of_delivery("Sender", lambda one: one.peer)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[DeliveryList]:
        return DeliveryList

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """None: a row may be of another table."""
        return {}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(request, {"title": "Deliveries"} | (extra_context or {}))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        told = {"title": "Refused delivery", "refusals": REFUSALS}
        return super().change_view(request, object_id, form_url, told | (extra_context or {}))

    @column("Came at")
    def came_at(self, row: Any) -> Any:
        return row.delivery.at

    @column("Status", label=_OUTCOMES)
    def outcome(self, row: Any) -> str:
        return str(row.delivery.outcome.label)

    @column("Trigger")
    def whom(self, row: Any) -> str:
        return render_to_string("admin/delivery_trigger.html", {"delivery": row.delivery})

    @column("What came of it")
    def why(self, row: Any) -> str:
        return render_to_string("admin/delivery_why.html", {"delivery": row.delivery})

    @column("Size")
    def bytes(self, row: Any) -> str:
        size = row.delivery.size
        return "" if size is None else f"{size:,} B"
