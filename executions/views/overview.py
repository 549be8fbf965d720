"""The triggers of a workspace in numbers, and whether the service behind them is well."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, Q
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib import clock, ids
from crm.models import Workspace
from crm.rest import WorkspaceView
from executions import readiness
from executions.models import AgentGate, Execution, Status
from triggers.models import Event, EventState, Trigger, TriggerStatus

_DAY = dt.timedelta(hours=24)
LATE_SECONDS = 60  # both take a second at most where all is well, however much there is to do


class StatsShape(serializers.Serializer[dict[str, Any]]):
    total_triggers = serializers.IntegerField()
    active_triggers = serializers.IntegerField()
    paused_triggers = serializers.IntegerField()
    error_triggers = serializers.IntegerField()
    triggers_by_type = serializers.DictField(child=serializers.IntegerField())
    total_events_24h = serializers.IntegerField()
    successful_events_24h = serializers.IntegerField(help_text="With a completed execution.")
    failed_events_24h = serializers.IntegerField(help_text="With a failed execution.")


class HealthShape(serializers.Serializer[dict[str, Any]]):
    status = serializers.ChoiceField(choices=["healthy", "degraded"])
    triggers_enabled = serializers.BooleanField()
    checks = serializers.DictField(child=serializers.BooleanField())
    waiting_events = serializers.IntegerField()
    oldest_waiting_seconds = serializers.FloatField(
        allow_null=True, help_text="Since when an event waits to be taken."
    )
    oldest_ready_seconds = serializers.FloatField(
        allow_null=True, help_text="Since when an agent could start a run and nobody has looked."
    )


class Stats(WorkspaceView):
    """The built-in triggers for running by hand are not counted."""

    @extend_schema(responses=StatsShape, operation_id="triggers_stats")
    def get(self, request: Request) -> Response:
        return Response({**_triggers(self.workspace), **_last_day(self.workspace)})


class Health(WorkspaceView):
    """`checks`: what the service stands on, and whether this workspace's events are taken and its runs are started."""

    @extend_schema(responses=HealthShape, operation_id="triggers_health")
    def get(self, request: Request) -> Response:
        waiting = _waiting(self.workspace)
        checks = {
            **readiness.checks(),
            "events_are_taken": (waiting["oldest_waiting_seconds"] or 0) < LATE_SECONDS,
            "runs_are_started": (waiting["oldest_ready_seconds"] or 0) < LATE_SECONDS,
        }
        is_well = settings.TRIGGERS_ENABLED and all(checks.values())
        return Response(
            {
                "status": "healthy" if is_well else "degraded",
                "triggers_enabled": settings.TRIGGERS_ENABLED,
                "checks": checks,
                **waiting,
            }
        )


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
    return {
        "total_events_24h": events.count(),
        **runs.aggregate(
            successful_events_24h=Count(
                "event_id", distinct=True, filter=Q(status=Status.COMPLETED)
            ),
            failed_events_24h=Count("event_id", distinct=True, filter=failed),
        ),
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
