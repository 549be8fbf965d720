"""What happened: the history of events, and for each one who listened and what came of it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import transaction
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib.rest import CommaSeparated, Conflict, Filter, Invalid
from crm.rest import WorkspaceRows
from executions import event_replay
from executions.models import Execution, Status
from executions.replay import Plan, TooMany, summary
from executions.serializers.ledger import EventDetail, EventSerializer
from executions.serializers.recovery import ReplayAsked, ReplayTold
from executions.views.filters import STATUS_ALIASES, Word, times
from executions.views.recovery import asked_for, chosen
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
    scopes: ClassVar[dict[str, str]] = {"replay": "replay", "replay_many": "replay"}

    def get_queryset(self) -> QuerySet[Any]:
        queryset = super().get_queryset()
        if self.action != "retrieve":
            return queryset
        runs = Execution.objects.defer("trace", "error", "at_failure").order_by("id")[
            :MAX_EXECUTIONS
        ]
        return queryset.defer(None).prefetch_related(
            Prefetch("executions", runs, to_attr="shown_executions")
        )

    def get_serializer_class(self) -> Any:
        return EventDetail if self.action == "retrieve" else EventSerializer

    @extend_schema(request=None, responses={202: ReplayTold})
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, **_: Any) -> Response:
        """A dead event is handed out as if it were new; an answered one runs again at all its triggers."""
        event = self.get_object()
        if event.state == EventState.NEW:
            raise Conflict("It has not been answered yet.", code="cannot_replay")
        planned = self._plan(Event.objects.filter(pk=event.pk), limit=None)
        return self._carry_out(planned, event, {})

    @extend_schema(
        request=ReplayAsked,
        responses={200: ReplayTold, 202: ReplayTold},
        operation_id="events_replay_many",
    )
    @action(detail=False, methods=["post"], url_path="replay")
    def replay_many(self, request: Request) -> Response:
        """The same for what a filter finds, such as `{"status": "dead"}`, at most 1,000. Ask with `dry_run` first."""
        asked = asked_for(request)
        rows = chosen(self.get_queryset(), self.filters, asked.filter)
        planned = self._plan(rows, limit=asked.limit)
        if asked.dry_run:
            return Response(summary(planned))
        return self._carry_out(planned, self.workspace, {"filter": asked.filter})

    @staticmethod
    def _plan(rows: QuerySet[Event], *, limit: int | None) -> Plan:
        try:
            return event_replay.plan(rows, limit=limit)
        except TooMany as error:
            raise Invalid(str(error), code="too_many") from None

    def _carry_out(self, planned: Plan, target: Any, why: dict[str, Any]) -> Response:
        with transaction.atomic():
            done = event_replay.carry_out(planned)
            told = summary(planned, done)
            self.record("replay", target, after={**why, **told})
        ids = [one.pk for one in done.executions]
        return Response({**told, "execution_ids": ids}, status=202)


@extend_schema_view(list=extend_schema(operation_id="trigger_events_list"))
class EventsOfTrigger(EventRows):
    """The events that one trigger heard."""

    def get_queryset(self) -> QuerySet[Any]:
        queryset = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return queryset
        mine = Trigger.objects.filter(workspace=self.workspace)
        return _of_trigger(queryset, get_object_or_404(mine, pk=self.kwargs["trigger_id"]).pk)
