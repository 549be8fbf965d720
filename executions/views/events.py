"""What happened: the history of events, and for each one who listened and what came of it."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers

from config.lib.rest import CommaSeparated, Filter
from crm.rest import WorkspaceRows
from executions.models import Execution, Status
from executions.serializers.ledger import EventDetail, EventSerializer
from executions.views.filters import STATUS_ALIASES, Word, times
from triggers.models import Event, EventState, Trigger

MAX_EXECUTIONS = 200  # shown with one event; the list of executions has them all


def _with_status(queryset: QuerySet[Any], wanted: list[str]) -> QuerySet[Any]:
    """An event's own state, or the status of one of its executions; a dead event counts as failed."""
    states = [word for word in wanted if word in EventState.values]
    if "failed" in wanted:
        states.append(EventState.DEAD)
    runs = Execution.objects.filter(event=OuterRef("pk"), status__in=wanted)
    return queryset.filter(Q(state__in=states) | Exists(runs))


def _of_trigger(queryset: QuerySet[Any], pk: Any) -> QuerySet[Any]:
    return queryset.filter(Exists(Execution.objects.filter(event=OuterRef("pk"), trigger_id=pk)))


class EventRows(WorkspaceRows):
    queryset = Event.objects.defer("payload", "chain")
    serializer_class = EventSerializer
    filters = {
        "status": Filter(
            field=CommaSeparated(
                Word([*EventState.values, *Status.values], aliases=STATUS_ALIASES)
            ),
            apply=_with_status,
            description="new, matched or dead; or the status of one of its executions.",
        ),
        "type": Filter("type"),
        "event_type": Filter("type"),
        "trigger_id": Filter(field=serializers.UUIDField(), apply=_of_trigger),
        "subject": Filter("subject", description="`contact:<id>`, `deal:<id>`, `form:<id>`"),
        "source": Filter("source"),
        "root_id": Filter("root_id", serializers.UUIDField(), description="One chain of events."),
        **times("recorded_at"),
    }
    sort_fields = {"recorded_at": "id", "created_at": "id", "type": "type"}
    sort_default = "-id"


@extend_schema_view(retrieve=extend_schema(responses=EventDetail))
class EventView(EventRows):
    def get_queryset(self) -> QuerySet[Any]:
        queryset = super().get_queryset()
        if self.action != "retrieve":
            return queryset
        runs = Execution.objects.defer("trace").order_by("id")[:MAX_EXECUTIONS]
        return queryset.defer(None).prefetch_related(
            Prefetch("executions", runs, to_attr="shown_executions")
        )

    def get_serializer_class(self) -> Any:
        return EventDetail if self.action == "retrieve" else EventSerializer


@extend_schema_view(list=extend_schema(operation_id="trigger_events_list"))
class EventsOfTrigger(EventRows):
    """The events that one trigger heard."""

    def get_queryset(self) -> QuerySet[Any]:
        queryset = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return queryset
        mine = Trigger.objects.filter(workspace=self.workspace)
        return _of_trigger(queryset, get_object_or_404(mine, pk=self.kwargs["trigger_id"]).pk)
