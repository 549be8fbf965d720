"""Alerts, and the audit log."""

from __future__ import annotations

from typing import Any, ClassVar

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
from executions.models import Alert, AlertKind, AuditEntry
from executions.serializers.trail import AlertSerializer, AuditEntrySerializer, Seen
from executions.views.filters import Word, times


def _seen(queryset: QuerySet[Any], seen: bool) -> QuerySet[Any]:
    return queryset.filter(seen_at__isnull=not seen)


class AlertView(WorkspaceRows):
    queryset = Alert.objects.all()
    serializer_class = AlertSerializer
    filters = {
        "kind": Filter("kind", Word(list(AlertKind.values))),
        "seen": Filter(field=serializers.BooleanField(), apply=_seen),
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
        alert = self.get_object()
        with transaction.atomic():
            self._mark(request, Alert.objects.filter(pk=alert.pk))
            self.record("see", alert)
        return Response(self.represent(self.get_object()))

    @extend_schema(request=None, responses=Seen, operation_id="alerts_seen_all")
    @action(detail=False, methods=["post"], url_path="seen")
    def seen_all(self, request: Request) -> Response:
        """Somebody has looked at all of them."""
        with transaction.atomic():
            count = self._mark(request, self.get_queryset())
            self.record("see", self.workspace, after={"alerts": count})
        return Response({"seen": count})

    def _mark(self, request: Request, alerts: QuerySet[Any]) -> int:
        unseen = alerts.filter(seen_at=None).order_by()
        return unseen.update(seen_at=clock.now(), seen_by_id=request.user.pk)


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
