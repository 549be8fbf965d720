"""Alerts, and the audit log."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib import clock
from config.lib.rest import Filter
from crm.rest import WorkspaceRows
from executions import alerts
from executions.models import Alert, AlertKind, AuditEntry
from executions.serializers.trail import AlertSerializer, AuditEntrySerializer, Resolved, Seen
from executions.views.filters import Word, times

Verb = Literal["see", "resolve"]
_VERBS = {"see": alerts.see, "resolve": alerts.resolve}


def _seen(queryset: QuerySet[Any], seen: bool) -> QuerySet[Any]:
    return queryset.filter(seen_at__isnull=not seen)


def _resolved(queryset: QuerySet[Any], resolved: bool) -> QuerySet[Any]:
    return queryset.filter(resolved_at__isnull=not resolved)


class AlertView(WorkspaceRows):
    queryset = Alert.objects.all()
    serializer_class = AlertSerializer
    filters = {
        "kind": Filter("kind", Word(list(AlertKind.values))),
        "seen": Filter(field=serializers.BooleanField(), apply=_seen),
        "resolved": Filter(field=serializers.BooleanField(), apply=_resolved),
        "agent_id": Filter("agent_id", serializers.UUIDField()),
        "trigger_id": Filter("trigger_id", serializers.UUIDField()),
        **times("created_at"),
    }
    sort_fields = {"created_at": "id", "kind": "kind"}
    sort_default = "-id"

    @extend_schema(request=None, responses=AlertSerializer)
    @action(detail=True, methods=["post"])
    def seen(self, request: Request, **_: Any) -> Response:
        """Somebody has looked at it; the first one is kept."""
        return self._one(request, "see")

    @extend_schema(request=None, responses=AlertSerializer)
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, **_: Any) -> Response:
        """It needs nothing more; the same cause may raise a new one."""
        return self._one(request, "resolve")

    @extend_schema(request=None, responses=Seen, operation_id="alerts_seen_all")
    @action(detail=False, methods=["post"], url_path="seen")
    def seen_all(self, request: Request) -> Response:
        """Somebody has looked at all of them."""
        return Response({"seen": self._all(request, "see")})

    @extend_schema(request=None, responses=Resolved, operation_id="alerts_resolve_all")
    @action(detail=False, methods=["post"], url_path="resolve")
    def resolve_all(self, request: Request) -> Response:
        """None of them needs anything more."""
        return Response({"resolved": self._all(request, "resolve")})

    def _one(self, request: Request, verb: Verb) -> Response:
        alert = self.get_object()
        with transaction.atomic():
            _VERBS[verb](
                Alert.objects.filter(pk=alert.pk), user_id=request.user.pk, now=clock.now()
            )
            self.record(verb, alert)
        return Response(self.represent(self.get_object()))

    def _all(self, request: Request, verb: Verb) -> int:
        with transaction.atomic():
            mine = Alert.objects.filter(workspace=self.workspace)
            count = _VERBS[verb](mine, user_id=request.user.pk, now=clock.now())
            self.record(verb, self.workspace, after={"alerts": count})
        return count


class AuditView(WorkspaceRows):
    """Who did what: for administrators."""

    queryset = AuditEntry.objects.all()
    serializer_class = AuditEntrySerializer
    scopes: ClassVar[dict[str, str]] = {"list": "admin", "retrieve": "admin"}
    filters = {
        "verb": Filter("verb"),
        "target_type": Filter("target_type"),
        "target_id": Filter("target_id"),
        "user_id": Filter("user_id", serializers.IntegerField(min_value=1, max_value=2**31 - 1)),
        **times("at"),
    }
    search_fields = ("actor", "target_name")
    sort_fields = {"created_at": "id", "at": "id"}
    sort_default = "-id"
