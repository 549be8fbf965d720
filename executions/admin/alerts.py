"""Alerts in the admin: what somebody should look at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import EmptyFieldListFilter
from django.http import HttpRequest
from django.template.loader import render_to_string
from unfold.enums import ActionVariant

from config.lib import clock
from crm.admin.actions import Done, ObjectAction, Refused
from crm.admin.base import READ_ONLY, OwnRowsFilter, WorkspaceModelAdmin
from crm.admin.columns import column
from executions import alerts
from executions.models import Alert


def see(request: HttpRequest, alert: Alert, cleaned: dict[str, Any]) -> Done:
    mine = Alert.objects.filter(pk=alert.pk)
    if not alerts.see(mine, user_id=request.user.pk, now=clock.now()):
        raise Refused("Somebody has seen it already.")
    return Done("Marked as read.")


def resolve(request: HttpRequest, alert: Alert, cleaned: dict[str, Any]) -> Done:
    mine = Alert.objects.filter(pk=alert.pk)
    if not alerts.resolve(mine, user_id=request.user.pk, now=clock.now()):
        raise Refused("It is resolved already.")
    return Done("Resolved.")


@admin.register(Alert)
class AlertAdmin(WorkspaceModelAdmin):
    needs = READ_ONLY
    shows_system = True  # that the system itself is late is told to whoever runs it
    list_display = ["message", "kind_badge", "agent", "state", "times", "created_at"]
    list_select_related = ["agent", "trigger", "workspace", "seen_by", "resolved_by"]
    list_filter = [
        ("resolved_at", EmptyFieldListFilter),
        ("seen_at", EmptyFieldListFilter),
        "kind",
        ("agent", OwnRowsFilter),
    ]
    search_fields = ["message"]
    fields = [
        *("message", "kind_badge", "about", "state", "times", "last_at", "created_at", "mailed_at"),
        *("seen_at", "seen_by", "resolved_at", "resolved_by"),
    ]
    object_actions = [
        ObjectAction(
            "see",
            "Mark as read",
            see,
            icon="mark_email_read",
            shown=lambda alert: alert.seen_at is None,
        ),
        ObjectAction(
            "resolve",
            "Resolve",
            resolve,
            icon="done_all",
            variant=ActionVariant.SUCCESS,
            shown=lambda alert: alert.resolved_at is None,
        ),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields

    @column("Kind", ordering="kind", label=True)
    def kind_badge(self, row: Alert) -> str:
        return row.get_kind_display()

    @column("State", label={"New": "danger", "Read": "warning", "Resolved": "success"})
    def state(self, row: Alert) -> str:
        return "Resolved" if row.resolved_at else "Read" if row.seen_at else "New"

    @column("About")
    def about(self, row: Alert) -> str:
        return render_to_string("admin/alert_links.html", {"alert": row})
