"""Deals in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin import DateFieldListFilter, SimpleListFilter
from django.db import models
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget

from crm.admin import roles
from crm.admin.base import WorkspaceModelAdmin
from crm.admin.columns import column
from crm.admin.forms import WorkspaceModelForm
from crm.admin.reading import as_table, happened_to
from crm.admin.rows import PairsField
from crm.models import Opportunity
from crm.models.workspace import DEFAULT_STAGES


class OpportunityForm(WorkspaceModelForm):
    stage = forms.ChoiceField(widget=UnfoldAdminSelectWidget())
    custom = PairsField(label="Custom fields", add="Add a custom field")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "stage" in self.fields:
            stages = self.workspace.stages if self.workspace else DEFAULT_STAGES
            known = dict.fromkeys(
                [*stages, *([self.instance.stage] if not self.instance._state.adding else [])]
            )
            self.fields["stage"].choices = [(stage, stage) for stage in known]  # type: ignore[attr-defined]


class StageFilter(SimpleListFilter):
    """Stages of the person's own workspaces."""

    title = "stage"
    parameter_name = "stage"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        lists = roles.workspaces(request).values_list("stages", flat=True)[:50]
        return [
            (stage, stage) for stage in dict.fromkeys(stage for stages in lists for stage in stages)
        ]

    def queryset(
        self, request: HttpRequest, queryset: models.QuerySet[Any]
    ) -> models.QuerySet[Any]:
        return queryset.filter(stage=self.value()) if self.value() else queryset


@admin.register(Opportunity)
class OpportunityAdmin(WorkspaceModelAdmin):
    form = OpportunityForm
    list_display = ["name", "amount", "stage_badge", "contact", "close_date", "created_at"]
    list_select_related = ["contact", "workspace"]
    list_filter = [StageFilter, ("created_at", DateFieldListFilter)]
    search_fields = ["name", "contact__email", "contact__last_name"]
    autocomplete_fields = ["contact"]
    readonly_fields = ["happened", "created_at", "updated_at"]
    readable = {"custom": "custom_read"}
    custom_read = as_table("custom", "Custom fields")
    happened = happened_to("deal")
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "name",
                    ("value", "currency"),
                    ("stage", "close_date"),
                    ("contact", "owner"),
                ]
            },
        ),
        ("Custom fields", {"fields": ["custom"]}),
        ("History", {"fields": ["happened", ("created_at", "updated_at")]}),
    ]

    @column("Value", ordering="value")
    def amount(self, row: Opportunity) -> str:
        return f"{row.value:,.2f} {row.currency}"

    @column(
        "Stage",
        ordering="stage",
        label={"Closed Won": "success", "Closed Lost": "danger"},
    )
    def stage_badge(self, row: Opportunity) -> str:
        return row.stage
