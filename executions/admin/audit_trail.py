"""The audit trail in the admin: to read, by those who manage the workspace."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import DateFieldListFilter
from django.http import HttpRequest
from django.template.loader import render_to_string
from unfold.paginator import InfinitePaginator

from crm.admin.audited import told_changes
from crm.admin.base import READ_ONLY, WorkspaceModelAdmin
from crm.admin.columns import column
from crm.models import Role
from executions.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(WorkspaceModelAdmin):
    needs = {**READ_ONLY, "view": Role.ADMIN}
    paginator = InfinitePaginator
    show_full_result_count = False
    list_disable_select_all = True
    list_display = ["at", "actor", "verb", "target", "changed"]
    list_select_related = ["workspace"]
    list_filter = [("at", DateFieldListFilter)]
    search_fields = ["actor", "target_name", "verb"]
    fields = ["at", "actor", "verb", "target", "changes", "remote_addr", "request_id"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields

    @column("What")
    def target(self, row: AuditEntry) -> str:
        return f"{row.target_type} {row.target_name or row.target_id}"

    @column("Changed")
    def changed(self, row: AuditEntry) -> str:
        names = {**(row.before or {}), **(row.after or {})}
        return ", ".join(names)[:100] if row.verb == "update" else ""

    @column("Changes")
    def changes(self, row: AuditEntry) -> str:
        return render_to_string("admin/changes.html", {"rows": told_changes(row.before, row.after)})
