"""MCP servers: where agents find tools. A button connects and shows what a server offers."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from agents.mcp import checking, trial
from agents.models import McpServer
from crm.admin.base import ADMINISTERED, WorkspaceModelAdmin
from crm.admin.columns import column
from crm.admin.forms import WorkspaceModelForm, add_problems
from crm.admin.rows import PairsField
from executions.admin import connection_tests

_STORED = "Stored encrypted and never shown again; [redacted] keeps a value that there is."
_PLACE = ("transport", "url", "command", "args")


class McpServerForm(WorkspaceModelForm):
    name = forms.CharField(
        max_length=30,
        widget=UnfoldAdminTextInputWidget,
        help_text="Small letters, digits, hyphens. Agents and triggers name it, and so do models.",
    )
    transport = forms.ChoiceField(
        choices=McpServer.Transport.choices, widget=UnfoldAdminSelectWidget
    )
    url = forms.CharField(
        required=False,
        max_length=2000,
        label="URL",
        widget=UnfoldAdminTextInputWidget,
        help_text="Of a server over HTTP, such as https://tools.example/mcp. Whoever runs this installation opens "
        "private ones with OUTBOUND_ALLOW.",
    )
    headers = PairsField(
        label="Headers", add="Add a header", value_type="text", help_text=f"Over HTTP. {_STORED}"
    )
    command = forms.CharField(
        required=False, max_length=500, widget=UnfoldAdminTextInputWidget, label="Program"
    )
    args = forms.CharField(
        required=False,
        strip=False,
        label="Arguments",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="One per line.",
    )
    env = PairsField(
        label="Variables",
        add="Add a variable",
        value_type="text",
        help_text=f"Of its environment. {_STORED}",
    )
    timeout_seconds = forms.IntegerField(
        label="Seconds for one call",
        initial=60,
        min_value=1,
        max_value=checking.MAX_TIMEOUT,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    trusts_hints = forms.BooleanField(
        required=False,
        label="Believe what it says of its tools",
        widget=UnfoldBooleanSwitchWidget,
        help_text="Then tools that only read need no approval, and those that may be repeated are repeated after a "
        "crash. Only for a server that you would trust with that.",
    )

    class Meta:
        model = McpServer
        fields = (
            *("name", "transport", "url", "headers", "command", "args", "env", "timeout_seconds"),
            "trusts_hints",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("headers", "env"):
            self.initial[name] = checking.masked(getattr(self.instance, name))
        self.initial["args"] = "\n".join(self.instance.args)
        if "command" in self.fields:
            allowed = ", ".join(settings.MCP_COMMANDS)
            self.fields["command"].help_text = (
                f"This installation allows: {allowed}."
                if allowed
                else "This installation starts none; whoever runs it can list some in MCP_COMMANDS."
            )

    def clean_args(self) -> list[str]:
        return [line.rstrip("\r") for line in self.cleaned_data["args"].split("\n") if line.strip()]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        adding = self.instance._state.adding
        stored = None if adding else McpServer.objects.get(pk=self.instance.pk)
        for name in ("headers", "env"):
            given = cleaned.get(name) or {}
            cleaned[name] = checking.unmasked(given, getattr(stored, name, {}))
            for stray in checking.stray_masks(cleaned[name]):
                add_problems(self, {name: [f"Give the value of {stray}: there is none yet."]})
        given = {name: cleaned[name] for name in self.Meta.fields if name in cleaned}
        if not self.errors:
            add_problems(self, checking.check(McpServer(**given), before=stored))
        return cleaned


def _tried(row: McpServer, _given: dict[str, Any]) -> connection_tests.Tried:
    found = trial.tried(row)
    return found.is_well, found.message, found.seconds


@admin.register(McpServer)
class McpServerAdmin(WorkspaceModelAdmin):
    needs = ADMINISTERED
    form = McpServerForm
    list_display = ["name", "address", "state", "tool_count", "seen_at"]
    search_fields = ["name", "url", "command"]
    readonly_fields = ["state", "title", "offered"]
    object_actions = [connection_tests.button(_tried)]

    def layout(self, request: HttpRequest, obj: McpServer | None) -> Any:
        seen = [("What it offers", {"fields": [("state", "title"), "offered"]})] if obj else []
        return [
            (None, {"fields": ["name", "transport", "timeout_seconds", "trusts_hints"]}),
            ("Over HTTP", {"fields": ["url", "headers"]}),
            ("A command on this server", {"fields": ["command", "args", "env"]}),
            *seen,
        ]

    def save_model(self, request: HttpRequest, obj: McpServer, form: Any, change: bool) -> None:
        if change and set(_PLACE) & set(form.changed_data):
            obj.tools, obj.title, obj.seen_at, obj.last_error = [], "", None, ""
        super().save_model(request, obj, form, change)

    @column("Address")
    def address(self, row: McpServer) -> str:
        return row.url or " ".join([row.command, *map(str, row.args)])[:100]

    @column("State", label={"Answers": "success", "Fails": "danger", "Not asked yet": "default"})
    def state(self, row: McpServer) -> str:
        return "Fails" if row.last_error else "Answers" if row.seen_at else "Not asked yet"

    @column("Tools")
    def tool_count(self, row: McpServer) -> int:
        return len(row.tools)

    @column("Tools")
    def offered(self, row: McpServer) -> str:
        return render_to_string("admin/mcp_tools.html", {"server": row})
