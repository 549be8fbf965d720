"""The workspace itself in the admin: its name, timezone, stages, and the switch that stops everything."""

from __future__ import annotations

from typing import Any, cast
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelect2Widget

from config.lib import wake
from config.lib.problems import Problem
from crm import budgets, retention, stages
from crm.admin.actions import Done, ObjectAction, Refused
from crm.admin.base import WorkspaceModelAdmin
from crm.admin.columns import column
from crm.admin.editors import EditorField, EditorWidget, refuse
from crm.admin.forms import WorkspaceModelForm
from crm.admin.reading import as_list, as_table
from crm.admin.rows import RecordsField
from crm.models import Membership, Role, Workspace
from crm.models.workspace import default_stages
from executions import live


class StagesField(RecordsField):
    """Stage names in order. A row remembers what it was called, so that a new name is told from a new stage."""

    max_rows = 50

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.widget.config = {
            "ordered": True,
            "add": "Add a stage",
            "empty": "Deals need at least one stage.",
            "columns": [
                {"name": "name", "label": "Stage", "type": "text", "placeholder": "Qualified"}
            ],
        }

    def show(self, value: Any) -> Any:
        return [{"name": stage, "was": stage} for stage in value or []]

    def problems_of(self, record: dict[str, Any]) -> list[Problem]:
        name = record.get("name")
        fine = isinstance(name, str) and 0 < len(name.strip()) <= 100
        return [] if fine else [Problem("name", "Give the stage a name of 1 to 100 characters.")]

    def read_record(self, record: dict[str, Any]) -> dict[str, Any]:
        return {"name": str(record.get("name")).strip(), "was": record.get("was")}

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool([record["name"] for record in self.to_python(data)] != initial)
        except forms.ValidationError:
            return True


class RetentionWidget(EditorWidget):
    editor = "limits"
    scripts = ("admin/limits_editor.js",)

    def offer(self, standard: dict[str, int]) -> None:
        """`standard`: the days of what the workspace does not set itself."""
        limits = [
            {
                "name": period.name,
                "label": period.label,
                "help": period.help,
                "standard": standard[period.name],
                "required": True,
            }
            for period in retention.PERIODS
        ]
        self.config = {"limits": limits}


class RetentionField(EditorField):
    """Days by period; what is left empty goes back to the server's own."""

    widget: Any = RetentionWidget
    empty = dict

    def read(self, value: Any) -> dict[str, int]:
        if not isinstance(value, dict):
            refuse([Problem("", "Give days by name.")])
        given = {name: days for name, days in value.items() if days not in ("", None)}
        refuse(Problem(name, text) for name, text in retention.problems_of(given).items())
        return given


class BudgetsWidget(EditorWidget):
    editor = "limits"
    scripts = ("admin/limits_editor.js",)

    def __init__(self) -> None:
        limits = [
            {
                "name": budget.name,
                "label": budget.label,
                "help": "All agents together, and drafts. Runs that ask models wait until tomorrow then.",
                "standard": None,
                "required": False,
                "step": "any" if budget.is_money else 1,
            }
            for budget in budgets.BUDGETS
        ]
        super().__init__({"limits": limits})


class BudgetsField(EditorField):
    """Tokens and dollars by name; what is not there is unlimited."""

    widget: Any = BudgetsWidget
    empty = dict

    def read(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            refuse([Problem("", "Give numbers by name.")])
        given = {name: limit for name, limit in value.items() if limit not in ("", None)}
        refuse(Problem(name, text) for name, text in budgets.problems_of(given).items())
        return given


class WorkspaceForm(WorkspaceModelForm):
    stages = StagesField(label="Stages of deals", initial=default_stages)
    retention = RetentionField(
        label="Days to keep",
        required=False,
        initial=dict,
        help_text="What has not ended is never deleted.",
    )
    budgets = BudgetsField(label="Budgets of a day", required=False, initial=dict)
    timezone = forms.ChoiceField(
        initial="UTC",
        widget=UnfoldAdminSelect2Widget,
        help_text="Days begin at midnight there: daily limits count by it.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "timezone" in self.fields:
            names = sorted(name for name in available_timezones() if "/" in name or name == "UTC")
            current = [self.instance.timezone] if self.instance.timezone not in names else []
            zone: Any = self.fields["timezone"]
            zone.choices = [(name, name.replace("_", " ")) for name in [*current, *names]]
        if "retention" in self.fields:
            widget: Any = self.fields["retention"].widget
            widget.offer(retention.days({}))

    def clean_stages(self) -> list[str]:
        records = self.cleaned_data["stages"]
        known = set() if self.instance._state.adding else set(self.instance.stages)
        self.renamed = {
            record["was"]: record["name"]
            for record in records
            if isinstance(record["was"], str)
            and record["was"] in known
            and record["was"] != record["name"]
        }
        return [record["name"] for record in records]


def pause(request: HttpRequest, workspace: Workspace, cleaned: dict[str, Any]) -> Done:
    return _switch(
        workspace, paused=True, said="Nothing starts any more. Events are still recorded."
    )


def resume(request: HttpRequest, workspace: Workspace, cleaned: dict[str, Any]) -> Done:
    return _switch(workspace, paused=False, said="Everything goes on; what waited starts now.")


def _switch(workspace: Workspace, *, paused: bool, said: str) -> Done:
    if not Workspace.objects.filter(pk=workspace.pk, paused=not paused).update(paused=paused):
        raise Refused("It was so already.")
    workspace.paused = paused
    _tell(workspace)
    return Done(said)


def _tell(workspace: Workspace) -> None:
    live.push(workspace.pk, live.workspace_changed(workspace))
    wake.workers()


@admin.register(Workspace)
class WorkspaceAdmin(WorkspaceModelAdmin):
    """Workspaces are made by superusers and never deleted here: their history would go with them."""

    needs = {"view": Role.VIEWER, "add": Role.OWNER, "change": Role.ADMIN, "delete": None}
    workspace_path = "pk"
    form = WorkspaceForm
    list_display = ["name", "slug", "timezone", "state"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}
    readonly_fields = ["created_at", "updated_at"]
    readable = {
        "stages": "stages_read",
        "retention": "retention_read",
        "budgets": "budgets_read",
    }
    stages_read = as_list("stages", "Stages of deals")
    retention_read = as_table("days_kept", "Days to keep")
    budgets_read = as_table("every_budget", "Budgets of a day")
    fieldsets = [
        (None, {"fields": [("name", "slug"), "timezone", "paused"]}),
        ("Deals", {"fields": ["stages"]}),
        ("Limits", {"fields": ["queue_limit"]}),
        ("Language models", {"fields": ["default_model", "budgets"]}),
        ("Days to keep", {"fields": ["retention"]}),
        ("History", {"fields": [("created_at", "updated_at")]}),
    ]
    object_actions = [
        ObjectAction(
            "pause",
            "Pause everything",
            pause,
            role=Role.EDITOR,
            icon="pause_circle",
            variant=ActionVariant.DANGER,
            shown=lambda workspace: not workspace.paused,
            ask="Nothing starts in this workspace until you resume it. Events are recorded; what waits, waits on.",
        ),
        ObjectAction(
            "resume",
            "Resume everything",
            resume,
            role=Role.EDITOR,
            icon="play_circle",
            variant=ActionVariant.SUCCESS,
            shown=lambda workspace: workspace.paused,
        ),
    ]

    @column("State", label={"Running": "success", "Paused": "danger"})
    def state(self, row: Workspace) -> str:
        return "Paused" if row.paused else "Running"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_superuser", False))

    def save_model(self, request: HttpRequest, obj: Workspace, form: Any, change: bool) -> None:
        """Stages have a verb of their own: deals follow a renamed one."""
        if not change:
            super().save_model(request, obj, form, change)
            Membership.objects.create(
                workspace=obj, user=cast("User", request.user), role=Role.OWNER
            )
            return
        wanted, obj.stages = (
            obj.stages,
            Workspace.objects.select_for_update(no_key=True).get(pk=obj.pk).stages,
        )
        super().save_model(request, obj, form, change)
        if "stages" in form.changed_data:
            stages.change(obj, stages=wanted, renames=form.renamed)
        if "paused" in form.changed_data:
            _tell(obj)
