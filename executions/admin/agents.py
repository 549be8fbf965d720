"""Agents in the admin: what they do, step by step, their limits, and the buttons that start and stop them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from unfold.enums import ActionVariant

from agents import blueprint, exposure, tools
from agents.llm import providers
from agents.models import Agent, AgentStatus
from config.lib import json
from crm.admin.actions import Done, ObjectAction, Refused
from crm.admin.base import WorkspaceModelAdmin
from crm.admin.columns import column
from crm.admin.rows import PairsField
from crm.models import Role
from executions import launch
from executions.admin import recovery, vocabulary
from executions.admin.agent_form import AgentForm
from executions.admin.steps import LIMITS
from executions.admin.words import STATUS_OF_AGENT, agent_figures, badge, steps_said
from executions.models import Status


def activate(request: HttpRequest, agent: Agent, cleaned: dict[str, Any]) -> Done:
    try:
        launch.activate(agent)
    except launch.CannotStart as error:
        raise Refused(str(error)) from None
    return Done(f"{agent} is live.")


def pause(request: HttpRequest, agent: Agent, cleaned: dict[str, Any]) -> Done:
    launch.pause(agent)
    return Done(
        f"{agent} is paused. Its events are still recorded, and answered with skipped runs."
    )


def archive(request: HttpRequest, agent: Agent, cleaned: dict[str, Any]) -> Done:
    launch.archive(agent)
    return Done(f"{agent} is archived.")


def run_now(request: HttpRequest, agent: Agent, cleaned: dict[str, Any]) -> Done:
    execution = launch.run_now(
        agent, inputs=cleaned.get("inputs") or {}, actor=f"user:{request.user.pk}"
    )
    said = (
        "It was skipped: its page says why."
        if execution.status == Status.SKIPPED
        else "It runs: this page follows it."
    )
    return Done(
        said,
        after={"execution_id": str(execution.pk)},
        url=reverse("admin:executions_execution_change", args=[execution.pk]),
    )


def inputs_form(agent: Agent) -> type[forms.Form]:
    class InputsForm(forms.Form):
        inputs = PairsField(
            label="Inputs",
            add="Add an input",
            initial=dict.fromkeys(vocabulary.input_names(agent), ""),
            help_text="The steps read them as @inputs.name. None are needed where the steps use none.",
        )

    return InputsForm


@admin.register(Agent)
class AgentAdmin(WorkspaceModelAdmin):
    form = AgentForm
    list_display = ["name", "status_badge", "step_count", "trigger_links", "updated_at"]
    list_filter = ["status"]
    search_fields = ["name", "description"]
    readonly_fields = ["status_now", "figures", "trigger_links", "created_at", "updated_at"]
    readable = {
        "steps": "steps_read",
        "tools": "tools_read",
        "output_schema": "answer_read",
        "restrictions": "limits_read",
    }
    change_form_outer_before_template = "admin/agent_warning.html"
    object_actions = [
        ObjectAction(
            "run",
            "Run now",
            run_now,
            icon="play_arrow",
            variant=ActionVariant.PRIMARY,
            form=inputs_form,
            shown=lambda agent: agent.status != AgentStatus.ARCHIVED,
        ),
        recovery.RESUME,
        ObjectAction(
            "activate",
            "Activate",
            activate,
            icon="bolt",
            variant=ActionVariant.SUCCESS,
            shown=lambda agent: agent.status != AgentStatus.LIVE,
        ),
        ObjectAction(
            "pause",
            "Pause",
            pause,
            icon="pause",
            shown=lambda agent: agent.status == AgentStatus.LIVE,
        ),
        ObjectAction(
            "archive",
            "Archive",
            archive,
            icon="archive",
            shown=lambda agent: agent.status != AgentStatus.ARCHIVED,
            ask="It does nothing any more, and its triggers are answered with skipped runs. You can activate it again.",
        ),
    ]

    def layout(self, request: HttpRequest, obj: Agent | None) -> Any:
        state = [("Now", {"fields": [("status_now", "trigger_links"), "figures"]})] if obj else []
        history = [("History", {"fields": [("created_at", "updated_at")]})] if obj else []
        return [
            *state,
            (None, {"fields": ["name", "description"]}),
            (
                "Steps",
                {
                    "fields": ["steps"],
                    "description": "Done in this order, each time one of its triggers fires.",
                },
            ),
            (
                "Language model",
                {
                    "fields": ["model", "instructions", "tools", "output_schema", "max_turns"],
                    "description": "An agent without steps is driven by its model, which may use these tools.",
                },
            ),
            ("Limits", {"fields": ["restrictions"]}),
            *history,
        ]

    def get_queryset(self, request: HttpRequest) -> Any:
        return (
            super()
            .get_queryset(request)
            .select_related("workspace", "gate")
            .prefetch_related("triggers")
        )

    def get_deleted_objects(
        self, objs: Iterable[Agent], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """The agents and their triggers; Django would read and list every start that limits are counted from."""
        agents = list(objs)
        triggers = [
            [one.name for one in row.triggers.all() if not one.is_builtin] for row in agents
        ]
        shown: list[Any] = []
        for agent, names in zip(agents, triggers, strict=True):
            shown += [f"Agent: {agent}", [f"Trigger: {name}" for name in names]]
        count = {"agents": len(agents), "triggers": sum(map(len, triggers))}
        refused = {"agent" for one in agents if not self.has_delete_permission(request, one)}
        return shown, count, refused, []

    @column("Status", ordering="status", label=STATUS_OF_AGENT)
    def status_badge(self, row: Agent) -> str:
        return row.get_status_display()

    @column("Steps")
    def steps_read(self, row: Agent) -> str:
        return render_to_string("admin/steps.html", {"steps": steps_said(row)})

    @column("Tools of the model")
    def tools_read(self, row: Agent) -> str:
        return ", ".join(tools.labels(row.tools)) or "none"

    @column("Answer")
    def answer_read(self, row: Agent) -> str:
        names = (row.output_schema or {}).get("properties", {})
        return f"fields: {', '.join(names)}" if row.output_schema else "a text"

    @column("Limits")
    def limits_read(self, row: Agent) -> str:
        found = [(label, row.limit(name)) for name, (label, _) in LIMITS.items()]
        said = [(label, "unlimited" if limit is None else limit) for label, limit in found]
        return render_to_string("admin/figures.html", {"figures": said})

    @column("Steps")
    def step_count(self, row: Agent) -> int:
        return len(row.steps) if isinstance(row.steps, list) else 0

    @column("Triggers")
    def trigger_links(self, row: Agent) -> str:
        return render_to_string(
            "admin/trigger_links.html",
            {"triggers": [one for one in row.triggers.all() if not one.is_builtin], "agent": row},
        )

    @column("Status")
    def status_now(self, row: Agent) -> str:
        return badge(row.get_status_display(), STATUS_OF_AGENT)

    @column("Use")
    def figures(self, row: Agent) -> str:
        return render_to_string(
            "admin/figures.html", {"figures": agent_figures(row), "of": "agent", "row": row}
        )

    def save_model(self, request: HttpRequest, obj: Agent, form: Any, change: bool) -> None:
        if not change:
            obj.created_by_id = request.user.pk
        blueprint.store(obj, form.given)
        problems = (
            providers.problem_of_agent(obj),
            tools.problem_of_agent(obj),
            exposure.warning_of(obj),
        )
        for problem in filter(None, problems):
            messages.warning(request, problem)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Before Django's transaction: what the MCP servers of its tools offer now is stored, for the checks in it."""
        if request.method == "POST" and "tools" in request.POST:
            row = self.get_object(request, unquote(object_id)) if object_id else None
            workspace = self.workspace_of_form(request, row)
            if workspace is not None and self.allows(request, Role.EDITOR, row):
                tools.ask_servers(workspace, _sent(request.POST["tools"]))
        return super().changeform_view(request, object_id, *args, **kwargs)


def _sent(text: str) -> Any:
    try:
        return json.loads(text)
    except json.InvalidJSON:
        return None  # the form says so
