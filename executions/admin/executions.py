"""Executions in the admin: every decision, why it was made and what it did; cancel and replay."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import DateFieldListFilter, SimpleListFilter
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.enums import ActionVariant
from unfold.paginator import InfinitePaginator

from crm.admin.actions import Done, ObjectAction, Refused
from crm.admin.base import READ_ONLY, OwnRowsFilter, WorkspaceModelAdmin
from crm.admin.columns import column
from executions import launch, waiting
from executions import replay as replaying
from executions.admin import approvals, recovery, replays, search
from executions.admin.listing import NamedChangeList
from executions.admin.words import STATUS_OF_EXECUTION
from executions.models import Execution, Status
from executions.models.reason import label_of, labels
from executions.pages import doubt, feed, subjects, words
from executions.pages.runs import asked_of
from triggers.models import Event


def cancel(request: HttpRequest, execution: Execution, cleaned: dict[str, Any]) -> Done:
    if not launch.cancel(execution):
        raise Refused("There was nothing to cancel any more: it has ended.")
    return Done(
        "Cancelled. A step that is at work now may still end.", after={"cancel_requested": True}
    )


def replay(request: HttpRequest, execution: Execution, cleaned: dict[str, Any]) -> Done:
    try:
        again = replaying.replay(execution)
    except replaying.CannotReplay as error:
        raise Refused(str(error)) from None
    url = reverse("admin:executions_execution_change", args=[again.pk])
    return Done("Replayed: this is the new run.", after={"execution_id": str(again.pk)}, url=url)


class TriggerFilter(OwnRowsFilter):
    more = {"is_builtin": False}


class ReasonFilter(SimpleListFilter):
    """Those of gates that an installation brings along are no choices of the column."""

    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(labels().items())

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(reason=self.value()) if self.value() else queryset


class LightChangeList(NamedChangeList):
    """Without the large columns."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        return feed.light(super().get_queryset(request, exclude_parameters)).defer("event__payload")


@admin.register(Execution)
class ExecutionAdmin(replays.ReplaysMany, WorkspaceModelAdmin):
    needs = READ_ONLY
    paginator = InfinitePaginator
    show_full_result_count = False
    list_disable_select_all = True
    list_display = [
        "created_at",
        "agent_name",
        "trigger_type",
        "status_badge",
        "why",
        "whom",
        "took",
    ]
    list_display_links = ["created_at", "agent_name"]
    list_filter = [
        "status",
        ReasonFilter,
        ("agent", OwnRowsFilter),
        ("trigger", TriggerFilter),
        "is_test",
        ("created_at", DateFieldListFilter),
    ]
    search_fields = ["pk"]  # shows the box; `get_search_results` says what is found
    search_help_text = "A contact or deal, or an id"
    ordering = ["-id"]
    fields = ["agent_name"]
    change_form_template = "admin/executions/execution/page.html"
    object_actions = [
        ObjectAction(
            "cancel",
            "Cancel",
            cancel,
            icon="cancel",
            variant=ActionVariant.DANGER,
            shown=lambda execution: (
                not execution.is_finished
                and not execution.cancel_requested
                and execution.status != Status.INTERRUPTED  # that is one of the decisions
            ),
            ask="What waits is cancelled at once; what runs is stopped after its present step.",
        ),
        ObjectAction(
            "replay",
            "Replay",
            replay,
            icon="replay",
            shown=lambda execution: (
                execution.is_finished
                and execution.trigger_id is not None
                and not execution.bodies_deleted
            ),
            ask="The same event runs again at the same trigger, as a new run. What was done outside is done again.",
            in_bulk=False,  # `ReplaysMany` says first what it would repeat
        ),
        *recovery.decisions(),
        *approvals.decisions(),
    ]
    list_before_template = "admin/waiting.html"

    def plan_replay(self, rows: Any) -> replaying.Plan:
        return replaying.plan(rows, include_replayed=True)

    def plan_found(self, rows: Any) -> replaying.Plan:
        return replaying.plan(rows)

    def carry_out_replay(self, planned: replaying.Plan) -> replaying.Replayed:
        return replaying.carry_out(planned)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        told = {"waiting": recovery.waiting(request)["waiting"]}
        return super().changelist_view(request, told | (extra_context or {}))

    class Media:
        js = ["admin/live_refresh.js"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("event__workspace", "workspace")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[NamedChangeList]:
        return LightChangeList

    @staticmethod
    def event_of(row: Execution) -> Event:
        return row.event

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        return search.narrowed(
            request, queryset, search_term, subject="event__subject", ids=("pk", "event_id")
        ), False

    @column("Status", ordering="status", label=STATUS_OF_EXECUTION)
    def status_badge(self, row: Execution) -> str:
        return row.get_status_display()

    @column("Why")
    def why(self, row: Execution) -> str:
        return label_of(row.reason)

    @column("About")
    def whom(self, row: Execution) -> str:
        link = getattr(row, "about", None)
        return link.name if link else row.event.subject

    @column("Took")
    def took(self, row: Execution) -> str:
        return "" if row.duration_ms is None else f"{row.duration_ms:,} ms"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        execution = self.get_object(request, unquote(object_id))
        context = self._page(execution) if execution is not None else {}
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def _page(self, execution: Execution) -> dict[str, Any]:
        event = execution.event
        tree = execution.trigger.conditions if execution.trigger else None
        return {
            "execution": execution,
            "event": event,
            "event_said": feed.label(event.type),
            "in_short": waiting.why(execution) or words.in_short(execution),
            "seen": words.conditions_seen(execution.trace, tree),
            "judged": asked_of(execution),
            "steps": execution.steps.order_by("number"),
            "doubt": doubt.of(execution),
            "subject": subjects.of_events([event], execution.workspace).get(event.subject),
            "variant": STATUS_OF_EXECUTION.get(execution.get_status_display(), "default"),
        }
