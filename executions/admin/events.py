"""Events in the admin: what happened, who listened, and what came of it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import DateFieldListFilter, SimpleListFilter
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from unfold.paginator import InfinitePaginator

from crm.admin.base import READ_ONLY, WorkspaceModelAdmin
from crm.admin.columns import column
from executions import event_replay
from executions.admin import deliveries, recovery, replays, search
from executions.admin.listing import NamedChangeList, names_of
from executions.admin.words import STATUS_OF_EXECUTION
from executions.models import Execution
from executions.pages import delivery, feed, words
from executions.replay import Plan, Replayed
from triggers import event_types
from triggers.models import Event

LISTENERS = 200


class TypeFilter(SimpleListFilter):
    """Registered types; a custom one is found by its name in the address."""

    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, event_types.registry.get(name).label) for name in event_types.registry]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(type=self.value()) if self.value() else queryset


@admin.register(Event)
class EventAdmin(replays.ReplaysMany, WorkspaceModelAdmin):
    needs = READ_ONLY
    paginator = InfinitePaginator
    show_full_result_count = False
    list_disable_select_all = True
    list_display = ["occurred_at", "what", "whom", "who", "state_badge", "executions_count"]
    list_display_links = ["occurred_at", "what"]
    list_filter = ["state", TypeFilter, ("recorded_at", DateFieldListFilter)]
    search_fields = ["pk"]  # shows the box; `get_search_results` says what is found
    search_help_text = "A contact or deal, or an id"
    ordering = ["-id"]
    fields = ["type"]
    change_form_template = "admin/triggers/event/page.html"
    object_actions = [replays.REPLAY_EVENT, deliveries.SEND_AGAIN]
    list_before_template = "admin/waiting.html"

    def plan_replay(self, rows: Any) -> Plan:
        return event_replay.plan(rows)

    def plan_found(self, rows: Any) -> Plan:
        return event_replay.plan(rows)

    def carry_out_replay(self, planned: Plan) -> Replayed:
        return event_replay.carry_out(planned)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        told = {"dead": recovery.waiting(request)["dead"]}
        return super().changelist_view(request, told | (extra_context or {}))

    class Media:
        js = ["admin/live_refresh.js"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("workspace")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[NamedChangeList]:
        return NamedChangeList

    @staticmethod
    def event_of(row: Event) -> Event:
        return row

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        return search.narrowed(
            request, queryset, search_term, subject="subject", ids=("pk", "root_id")
        ), False

    @column("What", ordering="type")
    def what(self, row: Event) -> str:
        return feed.label(row.type)

    @column("About")
    def whom(self, row: Event) -> str:
        link = getattr(row, "about", None)
        return link.name if link else row.subject

    @column("By", ordering="actor")
    def who(self, row: Event) -> str:
        link = getattr(row, "by", None)
        return link.name if link else row.actor

    @column(
        "State",
        ordering="state",
        label={"New": "info", "Matched": "success", "Dead": "danger"},
    )
    def state_badge(self, row: Event) -> str:
        return row.get_state_display()

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        event = self.get_object(request, unquote(object_id))
        context = self._page(event) if event is not None else {}
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def _page(self, event: Event) -> dict[str, Any]:
        links = names_of([event])
        rows = (
            Execution.objects.filter(event=event)
            .select_related("workspace")
            .order_by("id")
            .defer("inputs", "output", "usage", "at_failure")
        )
        return {
            "event": event,
            "event_said": feed.label(event.type),
            "subject": links.get((event.workspace_id, event.subject)),
            "actor": links.get((event.workspace_id, event.actor)),
            "delivery": delivery.of(event) if event.is_delivery else None,
            "answers": [
                {
                    "execution": one,
                    "in_short": words.in_short(one),
                    "variant": STATUS_OF_EXECUTION.get(one.get_status_display(), "default"),
                }
                for one in rows[:LISTENERS]
            ],
        }
