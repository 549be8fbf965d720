"""The form of an agent in the admin: its steps, or its model with tools; its limits."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminExpandableTextareaWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
)

from agents import blueprint, validation
from agents.llm import providers
from agents.models import Agent, default_restrictions
from crm.admin.forms import WorkspaceModelForm, add_problems
from executions.admin.steps import LimitsField, SchemaField, StepsField, ToolsField


class AgentForm(WorkspaceModelForm):
    """`agents.blueprint` checks and writes; the form only carries the values there and the problems back."""

    name = forms.CharField(max_length=validation.MAX_NAME, widget=UnfoldAdminTextInputWidget)
    steps = StepsField(required=False, label="Steps")
    model = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=f"provider:model, such as openai:gpt-5.6, or {providers.RULES}, which needs no key. "
        "It drives an agent without steps; steps ask it with Ask model.",
    )
    instructions = forms.CharField(
        required=False,
        strip=False,
        widget=UnfoldAdminExpandableTextareaWidget,
        help_text="What the model shall do. Variables such as @contact.first_name are told apart, as data.",
    )
    tools = ToolsField(required=False, label="Tools of the model")
    output_schema = SchemaField(required=False, label="Answer")
    max_turns = forms.IntegerField(
        required=False,
        initial=25,
        min_value=1,
        max_value=validation.MAX_TURNS,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="How often the model may speak in one run.",
    )
    restrictions = LimitsField(required=False, label="Limits", initial=default_restrictions)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("steps", "tools"):
            if name in self.fields:
                self.fields[name].offer(self.workspace, self.instance)  # type: ignore[attr-defined]

    def _post_clean(self) -> None:
        """In place of Django's own checks, which would copy the values onto the row before they are judged."""
        self.given = {
            name: self.cleaned_data[name] for name in blueprint.FIELDS if name in self.cleaned_data
        }
        if self.given.get("max_turns", 0) is None:
            del self.given["max_turns"]
        add_problems(
            self,
            validation.check(
                self.given, workspace=self.instance.workspace, sealed=self.instance.sealed
            ),
        )
        same = Agent.objects.filter(
            workspace=self.instance.workspace, name=str(self.given.get("name", "")).strip()
        )
        if same.exclude(pk=self.instance.pk).exists():
            self.add_error("name", "An agent with this name exists already.")

    def save(self, commit: bool = True) -> Agent:
        return self.instance  # type: ignore[no-any-return]  # written by `save_model`

    def save_m2m(self) -> None:
        """There is nothing of the kind."""
