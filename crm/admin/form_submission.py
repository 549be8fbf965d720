"""What people sent through forms: to read, and to remove when they ask for it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import DateFieldListFilter
from django.template.loader import render_to_string
from unfold.paginator import InfinitePaginator

from crm.admin.base import READ_ONLY, OwnRowsFilter, WorkspaceModelAdmin
from crm.admin.columns import column
from crm.models import FormSubmission, Role


@admin.register(FormSubmission)
class FormSubmissionAdmin(WorkspaceModelAdmin):
    needs = {**READ_ONLY, "delete": Role.EDITOR}
    paginator = InfinitePaginator
    show_full_result_count = False
    list_disable_select_all = True
    list_display = ["submitted_at", "form", "contact", "verdict"]
    list_select_related = ["form", "contact", "workspace"]
    list_filter = [("form", OwnRowsFilter), "is_spam", ("submitted_at", DateFieldListFilter)]
    search_fields = ["contact__email"]
    fields = ["form", "contact", "verdict", "submitted_at", "answers"]

    @column(
        "Kind",
        label={"New contact": "success", "Known contact": "info", "Spam": "danger"},
    )
    def verdict(self, row: FormSubmission) -> str:
        if row.is_spam:
            return "Spam"
        return "New contact" if row.is_new_contact else "Known contact"

    @column("Answers")
    def answers(self, row: FormSubmission) -> str:
        return render_to_string("admin/values.html", {"values": row.fields})

    def get_readonly_fields(self, request: Any, obj: Any = None) -> Any:
        return self.fields
