"""The triggers of a workspace in numbers, and whether the service behind them is well."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models import Count, Min, Q
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib import clock, ids
from crm.models import Workspace
from crm.rest import WorkspaceView
from executions import health
from executions.health import LATE_SECONDS, Part
from executions.models import AgentGate, Execution, Status
from executions.serializers.triggers import SourceState
from executions.views.health import RETRY_AFTER_SECONDS
from triggers import leases
from triggers.models import Event, EventState, Trigger, TriggerStatus, Watch

_DAY = dt.timedelta(hours=24)


class StatsShape(serializers.Serializer[dict[str, Any]]):
    total_triggers = serializers.IntegerField()
    active_triggers = serializers.IntegerField()
    paused_triggers = serializers.IntegerField()
    error_triggers = serializers.IntegerField()
    triggers_by_type = serializers.DictField(child=serializers.IntegerField())
    total_events_24h = serializers.IntegerField()
    successful_events_24h = serializers.IntegerField(help_text="With a completed execution.")
    failed_events_24h = serializers.IntegerField(help_text="With a failed execution, or dead.")


class PartShape(serializers.Serializer[dict[str, Any]]):
    status = serializers.ChoiceField(choices=["up", "degraded", "down", "unknown", "unused"])
    message = serializers.CharField()
    age_seconds = serializers.FloatField(allow_null=True, help_text="Since its last sign of life.")
    lag_seconds = serializers.FloatField(
        allow_null=True,
        help_text="How late its work is; of database and broker, how long they took to answer.",
    )


class NamedSource(SourceState):
    trigger_id = serializers.UUIDField()
    trigger_name = serializers.CharField()


class HealthShape(serializers.Serializer[dict[str, Any]]):
    status = serializers.ChoiceField(choices=["healthy", "degraded", "unhealthy"])
    triggers_enabled = serializers.BooleanField()
    components = serializers.DictField(
        child=PartShape(), help_text="scheduler, database, broker, worker, listener, canary"
    )
    checks = serializers.DictField(child=serializers.BooleanField())
    waiting_events = serializers.IntegerField(allow_null=True)
    oldest_waiting_seconds = serializers.FloatField(
        allow_null=True, help_text="Since when an event of this workspace waits to be taken."
    )
    oldest_ready_seconds = serializers.FloatField(
        allow_null=True,
        help_text="Since when an agent of this workspace could start a run and nobody has looked.",
    )
    sources = NamedSource(many=True)


class Stats(WorkspaceView):
    """The built-in triggers for running by hand are not counted."""

    @extend_schema(responses=StatsShape, operation_id="triggers_stats")
    def get(self, request: Request) -> Response:
        return Response({**_triggers(self.workspace), **_last_day(self.workspace)})


class Health(WorkspaceView):
    """503 where a part is down. `checks`: in short, and whether this workspace's events are taken and its runs started.

    While the database is away nobody can be recognised: then everybody hears of the parts, and nothing of a workspace.
    """

    parts: dict[str, Part]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # Who shows no key is turned away without asking the database; for all others it had better answer.
        self.parts = health.look(anew="Authorization" in request.headers or bool(request.COOKIES))
        if self.parts["database"].works:
            try:
                super().initial(request, *args, **kwargs)
            except (OperationalError, InterfaceError):  # it went away just now
                self.parts = health.look(anew=True)
                if self.parts["database"].works:
                    raise
        if not self.parts["database"].works:
            negotiated = self.perform_content_negotiation(request, force=True)
            request.accepted_renderer, request.accepted_media_type = negotiated

    @extend_schema(responses={200: HealthShape, 503: HealthShape}, operation_id="triggers_health")
    def get(self, request: Request) -> Response:
        parts = self.parts
        told = {
            "triggers_enabled": settings.TRIGGERS_ENABLED,
            "components": {name: part.told() for name, part in parts.items()},
            "checks": {
                "database": parts["database"].works,
                "broker": parts["broker"].works,
                "scheduler": parts["scheduler"].works,
                "workers": parts["worker"].works,
            },
            **_NOBODYS,
        }
        if parts["database"].works:
            waiting = _waiting(self.workspace)
            told["checks"] |= {
                "events_are_taken": (waiting["oldest_waiting_seconds"] or 0) < LATE_SECONDS,
                "runs_are_started": (waiting["oldest_ready_seconds"] or 0) < LATE_SECONDS,
            }
            told |= waiting | {"sources": _sources(self.workspace)}
        if any(part.status == "down" for part in parts.values()):
            retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            return Response({"status": "unhealthy", **told}, status=503, headers=retry)
        is_well = settings.TRIGGERS_ENABLED and all(told["checks"].values())
        is_well = is_well and all(part.status in ("up", "unused") for part in parts.values())
        return Response({"status": "healthy" if is_well else "degraded", **told})


_NOBODYS: dict[str, Any] = {
    "waiting_events": None,
    "oldest_waiting_seconds": None,
    "oldest_ready_seconds": None,
    "sources": [],
}
SOURCES = 200  # told at once, those that fail first, then those with a note


def _sources(workspace: Workspace) -> list[dict[str, Any]]:
    """Queues, files and servers that this workspace's triggers listen to."""
    rows = Watch.objects.filter(trigger__workspace=workspace).exclude(trigger__status="paused")
    rows = rows.select_related("trigger").order_by("-failures", "-note", "trigger__name")
    return [
        {"trigger_id": row.pk, "trigger_name": row.trigger.name, **leases.told(row)}
        for row in rows[:SOURCES]
    ]


def _triggers(workspace: Workspace) -> dict[str, Any]:
    by_status: dict[str, int] = dict.fromkeys(TriggerStatus.values, 0)
    by_type: dict[str, int] = {}
    rows = Trigger.objects.visible().filter(workspace=workspace).order_by()
    for row in rows.values("status", "trigger_type").annotate(count=Count("pk")):
        by_status[row["status"]] += row["count"]
        by_type[row["trigger_type"]] = by_type.get(row["trigger_type"], 0) + row["count"]
    return {
        "total_triggers": sum(by_status.values()),
        **{f"{status}_triggers": count for status, count in by_status.items()},
        "triggers_by_type": by_type,
    }


def _last_day(workspace: Workspace) -> dict[str, int]:
    """Of the events of the last 24 hours; the ids' own time lets an index find them."""
    lowest = ids.floor(clock.now() - _DAY)
    events = Event.objects.filter(workspace=workspace, pk__gte=lowest)
    runs = Execution.objects.filter(workspace=workspace, pk__gte=lowest, event_id__gte=lowest)
    failed = Q(status__in=[Status.FAILED, Status.TIMED_OUT])
    told = events.aggregate(total=Count("pk"), dead=Count("pk", filter=Q(state=EventState.DEAD)))
    ended = runs.aggregate(
        completed=Count("event_id", distinct=True, filter=Q(status=Status.COMPLETED)),
        failed=Count("event_id", distinct=True, filter=failed),
    )
    return {
        "total_events_24h": told["total"],
        "successful_events_24h": ended["completed"],
        "failed_events_24h": ended["failed"] + told["dead"],  # who is dead has no runs
    }


def _waiting(workspace: Workspace) -> dict[str, Any]:
    """Events that no dispatcher has taken yet, and agents that no claim has looked at since they could start a run."""
    now = clock.now()
    new = Event.objects.filter(workspace=workspace, state=EventState.NEW)
    found = new.aggregate(count=Count("pk"), oldest=Min("recorded_at"))
    ready = AgentGate.objects.filter(agent__workspace=workspace, next_eligible_at__lte=now)
    since = ready.aggregate(oldest=Min("next_eligible_at"))["oldest"]
    return {
        "waiting_events": found["count"],
        "oldest_waiting_seconds": _age(found["oldest"], now),
        "oldest_ready_seconds": _age(since, now),
    }


def _age(since: dt.datetime | None, now: dt.datetime) -> float | None:
    return max(0.0, (now - since).total_seconds()) if since else None
