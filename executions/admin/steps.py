"""The editors of an agent: its steps, a form per action, and its limits."""

from __future__ import annotations

from typing import Any

from agents import actions, validation
from agents.models import DEFAULT_RESTRICTIONS, Agent, McpServer
from agents.tools import NOT_FOR_MODELS
from config.lib.problems import Problem
from crm.admin.editors import EditorField, EditorWidget, refuse
from crm.models import Membership, Workspace
from executions.admin import vocabulary

LIMITS = {
    "max_executions_per_minute": ("Starts per minute", "What comes on top waits, in order."),
    "max_executions_per_day": ("Starts per day", "Then the agent pauses, and the rest is skipped."),
    "max_concurrent": ("At the same time", "What comes on top waits."),
    "max_attempts": ("Attempts", "Of one run, when it fails for a passing reason."),
    "timeout_seconds": ("Seconds for one run", "Then it is stopped."),
    "max_tokens_per_run": ("Tokens of a model, per run", "Then the run fails."),
    "max_tokens_per_day": ("Tokens of a model, per day", "What comes on top waits until tomorrow."),
    "max_cost_per_run": ("Dollars for a model, per run", "Then the run fails."),
    "max_cost_per_day": ("Dollars for a model, per day", "What comes on top waits until tomorrow."),
}


class StepsWidget(EditorWidget):
    editor = "steps"
    scripts = ("admin/value_editor.js", "admin/schema_form.js", "admin/step_editor.js")


class StepsField(EditorField):
    """Checked as a whole by `agents.validation`, at the agent's form: the rules need its workspace."""

    widget = StepsWidget
    empty = list

    def read(self, value: Any) -> list[Any]:
        if not isinstance(value, list):
            refuse([Problem("", "Give a list of steps.")])
        return list(value)

    def offer(self, workspace: Workspace | None, agent: Agent | None) -> None:
        """What the editor may suggest in this workspace."""
        self.widget.config = {
            "actions": _offered(),
            "choices": _choices(workspace, agent),
            "variables": vocabulary.variables(workspace, agent),
        }


def _offered() -> dict[str, dict[str, Any]]:
    """The actions, as the editors need them."""
    return {
        name: {
            "label": action.label,
            "description": action.description,
            "icon": action.icon,
            "schema": action.schema,
            "output": action.output_sample,
        }
        for name in actions.registry
        for action in [actions.registry.get(name)]
    }


def _choices(workspace: Workspace | None, agent: Agent | None) -> dict[str, list[Any]]:
    if workspace is None:
        return {}
    members = Membership.objects.filter(workspace=workspace).select_related("user")[:200]
    others = (
        Agent.objects.filter(workspace=workspace)
        .exclude(pk__in=[agent.pk] if agent else [])
        .values_list("name", flat=True)[:200]
    )
    return {
        "member": [
            {"value": one.user.email or one.user.get_username(), "label": one.user.get_full_name()}
            for one in members
        ],
        "agent": list(others),
        "stage": list(workspace.stages),
    }


class ToolsWidget(EditorWidget):
    editor = "tools"
    scripts = ("admin/value_editor.js", "admin/schema_form.js", "admin/tool_editor.js")


class ToolsField(EditorField):
    """Checked by `agents.validation`, as steps are."""

    widget = ToolsWidget
    empty = list

    def read(self, value: Any) -> list[Any]:
        if not isinstance(value, list):
            refuse([Problem("", "Give a list of tools.")])
        return list(value)

    def offer(self, workspace: Workspace | None, agent: Agent | None) -> None:
        known = {name: action for name, action in _offered().items() if name not in NOT_FOR_MODELS}
        guarded = {
            name: [
                param
                for param, schema in action["schema"].get("properties", {}).items()
                if schema.get("x-guarded")
            ]
            for name, action in known.items()
        }
        self.widget.config = {
            "actions": known,
            "guarded": guarded,
            "servers": _servers(workspace),
            "choices": _choices(workspace, agent),
            "variables": vocabulary.variables(workspace, agent),
        }


def _servers(workspace: Workspace | None) -> list[dict[str, Any]]:
    """The MCP servers with the tools that a model can use, as they were seen last."""
    if workspace is None:
        return []
    rows = McpServer.objects.filter(workspace=workspace).defer("headers", "env")[:100]
    return [
        {
            "name": row.name,
            "trusted": row.trusts_hints,
            "tools": [tool for tool in row.tools if not tool["problem"]],
        }
        for row in rows
    ]


class SchemaWidget(EditorWidget):
    editor = "schema"
    scripts = ("admin/value_editor.js", "admin/schema_form.js", "admin/tool_editor.js")


class SchemaField(EditorField):
    """A JSON Schema, or null; checked by `agents.validation`."""

    widget = SchemaWidget


class LimitsWidget(EditorWidget):
    editor = "limits"
    scripts = ("admin/limits_editor.js",)

    def __init__(self) -> None:
        limits = [
            {
                "name": name,
                "label": label,
                "help": hint,
                "standard": DEFAULT_RESTRICTIONS[name],
                "required": name in validation.NEVER_UNLIMITED,
                "step": "any" if name in validation.MONEY else 1,
            }
            for name, (label, hint) in LIMITS.items()
        ]
        super().__init__({"limits": limits})


class LimitsField(EditorField):
    widget: Any = LimitsWidget
    empty = dict
