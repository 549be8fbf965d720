"""Triggers in the admin: what they listen to, on which conditions, and trying them out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from unfold.enums import ActionVariant

from agents.models import Agent, AgentStatus
from crm.admin.actions import Done, ObjectAction, Refused
from crm.admin.base import OwnRowsFilter
from crm.admin.columns import column
from crm.admin.values import ValueField
from executions import diagnosis, launch
from executions.admin import dead_letters, dry_runs, examples, recovery, webhooks
from executions.admin.describing import DescribingAdmin
from executions.admin.examples import ExamplesOfTrigger
from executions.admin.trigger_form import TriggerForm
from executions.admin.trigger_reading import READABLE, TriggerReading
from executions.admin.words import STATUS_OF_TRIGGER, badge, trigger_figures
from executions.models import Status
from triggers import sources, trials
from triggers.event_types import InvalidPayload
from triggers.models import Trigger, TriggerType
from triggers.problems import InvalidTrigger
from triggers.sources import webhook


def enable(request: HttpRequest, trigger: Trigger, cleaned: dict[str, Any]) -> Done:
    try:
        launch.resume(trigger)
    except InvalidTrigger as error:
        raise Refused(str(error)) from None
    return Done(f"{trigger} listens.")


def disable(request: HttpRequest, trigger: Trigger, cleaned: dict[str, Any]) -> Done:
    launch.disable(trigger)
    return Done(f"{trigger} is off. Its events are written down as skipped.")


def test(request: HttpRequest, trigger: Trigger, cleaned: dict[str, Any]) -> Done:
    try:
        execution = launch.run_now(
            trigger.agent,
            inputs={},
            actor=f"user:{request.user.pk}",
            is_test=True,
            trigger=trigger,
            event_payload=cleaned["event"],
        )
    except InvalidPayload as error:
        raise Refused(str(error)) from None
    said = (
        "The test was skipped: its page says why."
        if execution.status == Status.SKIPPED
        else "The test runs: this page follows it."
    )
    return Done(
        said,
        after={"execution_id": str(execution.pk)},
        url=reverse("admin:executions_execution_change", args=[execution.pk]),
    )


def event_form(trigger: Trigger) -> type[forms.Form]:
    sample = sources.of(trigger).within(trigger.workspace).sample(trigger.config)

    class EventForm(forms.Form):
        event = ValueField(
            label="Event",
            initial=sample,
            kind=dict,
            help_text="A sample of what this trigger hears. Change what you like.",
        )

    return EventForm


class TypeFilter(admin.SimpleListFilter):
    """What is registered; no list of choices in the tables."""

    title = "type"
    parameter_name = "trigger_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, sources.registry.get(name).label) for name in sources.registry]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(trigger_type=self.value()) if self.value() else queryset


@admin.register(Trigger)
class TriggerAdmin(TriggerReading, DescribingAdmin, ExamplesOfTrigger):
    form = TriggerForm
    list_display = [
        *("name", "listens_to", "agent_link", "status_badge", "examples_badge", "next_fire"),
        *("runs", "last_run"),
    ]
    list_filter = ["status", TypeFilter, ("agent", OwnRowsFilter)]
    search_fields = ["name", "description", "agent__name"]
    readonly_fields = [
        *("status_now", "figures", "schedule_now", "examples_now", "letters"),
        *("last_error", "created_at", "updated_at"),
    ]
    readable = READABLE
    change_form_outer_before_template = "admin/trigger_warning.html"
    object_actions = [
        ObjectAction(
            "test", "Test", test, icon="science", variant=ActionVariant.PRIMARY, form=event_form
        ),
        *dry_runs.actions(event_form),
        ObjectAction(
            "enable",
            "Enable",
            enable,
            icon="toggle_on",
            variant=ActionVariant.SUCCESS,
            shown=lambda trigger: not trigger.enabled,
            before=examples.try_first,
        ),
        examples.TRY,
        recovery.RESUME_TRIGGER,
        ObjectAction(
            "disable", "Disable", disable, icon="toggle_off", shown=lambda trigger: trigger.enabled
        ),
        *webhooks.ACTIONS,
        *dead_letters.ACTIONS,
    ]

    class Media:
        js = ["admin/webhook_address.js"]

    def get_queryset(self, request: HttpRequest) -> Any:
        """Without the built-in ones for running by hand: they have nothing to set."""
        return (
            super()
            .get_queryset(request)
            .filter(is_builtin=False)
            .select_related("agent__workspace", "gate", "schedule", "workspace")
            .prefetch_related("trials")
        )

    def layout(self, request: HttpRequest, obj: Trigger | None) -> Any:
        state = (
            [
                (
                    "Now",
                    {
                        "fields": [
                            "status_now",
                            "figures",
                            *(["schedule_now"] if obj.trigger_type == TriggerType.CRON else []),
                            *(["last_error"] if obj.last_error else []),
                        ]
                    },
                )
            ]
            if obj
            else []
        )
        if obj and trials.has_examples(obj.conditions):
            state.append(("Examples", {"fields": ["examples_now"]}))
        if obj and dead_letters.has_some(obj):
            state.append(("Dead letters", {"fields": ["letters"]}))
        history = [("History", {"fields": [("created_at", "updated_at")]})] if obj else []
        return [
            *state,
            (None, {"fields": ["name", "agent", "description", "enabled"]}),
            ("When", {"fields": ["trigger_type", "config", "conditions", "examples_pass_rate"]}),
            ("What the agent gets", {"fields": ["input_mapping", "default_inputs"]}),
            (
                "Limits",
                {
                    "fields": [
                        ("max_executions_per_hour", "max_concurrent"),
                        ("cooldown_seconds", "max_age_seconds"),
                        ("failure_threshold", "ignore_cooldown"),
                        ("allow_reentry", "fail_open"),
                    ]
                },
            ),
            *history,
        ]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "agent" and field is not None:
            field.queryset = field.queryset.exclude(status=AgentStatus.ARCHIVED)
        return field

    def get_deleted_objects(
        self, objs: Iterable[Trigger], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """Without the rows that its figures are counted from."""
        triggers = list(objs)
        refused = {"trigger" for one in triggers if not self.has_delete_permission(request, one)}
        shown = [f"Trigger: {one}" for one in triggers]
        return shown, {"triggers": len(triggers)}, refused, []

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        trigger = self.get_object(request, unquote(object_id))
        if trigger is not None and request.method == "GET":
            for said in filter(None, [sources.why_off(trigger.trigger_type, trigger.config)]):
                messages.warning(request, said)
        told = {"address": webhooks.panel(request, trigger)} if trigger is not None else {}
        return super().change_view(request, object_id, form_url, told | (extra_context or {}))

    @column("Listens to")
    def listens_to(self, row: Trigger) -> str:
        context = {
            "said": sources.describe(row),
            "schedule": getattr(row, "schedule", None),
            "is_unsigned": webhook.is_unsigned(row.config),
            "off": sources.why_off(row.trigger_type, row.config),
            "is_installed": row.trigger_type in sources.registry,
        }
        return render_to_string("admin/listens_to.html", context)

    @column("Agent", ordering="agent__name")
    def agent_link(self, row: Trigger) -> str:
        return render_to_string("admin/agent_link.html", {"agent": row.agent})

    @column("Status", ordering="status", label=STATUS_OF_TRIGGER)
    def status_badge(self, row: Trigger) -> str:
        return row.get_status_display()

    @column("Next fire", ordering="schedule__next_fire_at")
    def next_fire(self, row: Trigger) -> str:
        schedule = getattr(row, "schedule", None)
        if schedule is None:
            return ""
        return render_to_string("admin/next_fire.html", {"schedule": schedule, "trigger": row})

    @column("Schedule")
    def schedule_now(self, row: Trigger) -> str:
        schedule = getattr(row, "schedule", None)
        if schedule is None:
            return "It has not been saved as a schedule yet."
        said = diagnosis.said_of(schedule)
        return render_to_string("admin/schedule.html", {"schedule": schedule, "said": said})

    @column("Runs", ordering="gate__total_executions")
    def runs(self, row: Trigger) -> int:
        return getattr(getattr(row, "gate", None), "total_executions", 0)

    @column("Last run", ordering="gate__last_execution_at")
    def last_run(self, row: Trigger) -> Any:
        return getattr(getattr(row, "gate", None), "last_execution_at", None)

    @column("Status")
    def status_now(self, row: Trigger) -> str:
        return badge(row.get_status_display(), STATUS_OF_TRIGGER)

    @column("Put aside")
    def letters(self, row: Trigger) -> str:
        return dead_letters.shown(row)

    @column("Use")
    def figures(self, row: Trigger) -> str:
        return render_to_string(
            "admin/figures.html", {"figures": trigger_figures(row), "of": "trigger", "row": row}
        )

    def save_model(self, request: HttpRequest, obj: Trigger, form: Any, change: bool) -> None:
        was_on = bool(change and form.initial.get("enabled"))
        before = Agent.objects.filter(triggers=obj.pk).first() if change else None
        super().save_model(request, obj, form, change)
        form.keep_examples()
        if before is not None and before.pk != obj.agent_id:
            launch.hand_over(obj, before)
        if change and obj.enabled and not was_on:
            launch.resume(obj)
        for warning in form.warnings:
            messages.warning(request, warning)
