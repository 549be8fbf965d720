"""Alerts in the admin: what somebody should look at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import EmptyFieldListFilter
from django.http import HttpRequest
from django.template.loader import render_to_string

from config.lib import clock
from crm.admin.actions import Done, ObjectAction, Refused
from crm.admin.base import READ_ONLY, OwnRowsFilter, WorkspaceModelAdmin
from crm.admin.columns import column
from executions.models import Alert


def acknowledge(request: HttpRequest, alert: Alert, cleaned: dict[str, Any]) -> Done:
    if not Alert.objects.filter(pk=alert.pk, seen_at=None).update(
        seen_at=clock.now(), seen_by_id=request.user.pk
    ):
        raise Refused("Somebody has seen it already.")
    return Done("Marked as seen.")


@admin.register(Alert)
class AlertAdmin(WorkspaceModelAdmin):
    needs = READ_ONLY
    list_display = ["message", "kind_badge", "agent", "seen", "created_at"]
    list_select_related = ["agent", "trigger", "workspace", "seen_by"]
    list_filter = [("seen_at", EmptyFieldListFilter), "kind", ("agent", OwnRowsFilter)]
    search_fields = ["message"]
    fields = ["message", "kind_badge", "about", "seen", "seen_by", "created_at"]
    object_actions = [
        ObjectAction(
            "acknowledge",
            "Mark as seen",
            acknowledge,
            icon="done_all",
            shown=lambda alert: alert.seen_at is None,
        )
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields

    @column("Kind", ordering="kind", label=True)
    def kind_badge(self, row: Alert) -> str:
        return row.get_kind_display()

    @column("Seen", ordering="seen_at", label={"New": "danger", "Seen": "success"})
    def seen(self, row: Alert) -> str:
        return "Seen" if row.seen_at else "New"

    @column("About")
    def about(self, row: Alert) -> str:
        return render_to_string("admin/alert_links.html", {"alert": row})
