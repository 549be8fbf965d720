"""Where language models are asked: name, wire, address and key of each provider, and a button that tries it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from agents.llm import providers, trial
from agents.models import ModelPrice, ModelProvider
from crm.admin.base import ADMINISTERED, EDITABLE, WorkspaceModelAdmin
from crm.admin.columns import column
from crm.admin.forms import WorkspaceModelForm, add_problems
from crm.models import Role
from executions.admin import connection_tests

_SAID = {
    "openai": "OpenAI",
    "openai-chat": "OpenAI, the older chat wire",
    providers.COMPATIBLE: "any server that speaks OpenAI's chat wire",
}


class ModelProviderForm(WorkspaceModelForm):
    name = forms.CharField(
        max_length=50,
        widget=UnfoldAdminTextInputWidget,
        help_text="What agents write before the colon: openai in openai:gpt-5.6.",
    )
    kind = forms.ChoiceField(
        choices=[(kind, _SAID.get(kind, kind)) for kind in providers.KINDS],
        widget=UnfoldAdminSelectWidget,
        help_text="The wire that it speaks.",
    )
    base_url = forms.CharField(
        required=False,
        max_length=500,
        label="Base URL",
        widget=UnfoldAdminTextInputWidget,
        help_text="Empty for the provider's own address. Whoever runs this server opens private ones with "
        "OUTBOUND_ALLOW.",
    )
    api_key = forms.CharField(
        required=False,
        max_length=1000,
        label="Key",
        strip=True,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Stored encrypted and never shown again. Empty keeps the one that there is.",
    )

    class Meta:
        model = ModelProvider
        fields = ("name", "kind", "base_url", "api_key")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        stored = (
            None if self.instance._state.adding else ModelProvider.objects.get(pk=self.instance.pk)
        )
        if stored is not None and not cleaned.get("api_key"):
            cleaned["api_key"] = stored.api_key
        given = {name: cleaned.get(name, "") for name in ("name", "kind", "base_url", "api_key")}
        add_problems(self, providers.check(ModelProvider(**given), before=stored))
        return cleaned


class ModelForm(forms.Form):
    model = forms.CharField(
        max_length=150,
        widget=UnfoldAdminTextInputWidget,
        help_text="A model of this provider, such as gpt-5.6. It is asked for one word.",
    )


def _tried(row: ModelProvider, given: dict[str, Any]) -> connection_tests.Tried:
    return trial.tried(row, model=given["model"])


@admin.register(ModelPrice)
class ModelPriceAdmin(WorkspaceModelAdmin):
    """What models cost, for budgets of money."""

    needs = {**EDITABLE, "add": Role.ADMIN, "change": Role.ADMIN, "delete": Role.ADMIN}
    list_display = ["model", "input_per_million", "output_per_million", "updated_at"]
    search_fields = ["model"]


@admin.register(ModelProvider)
class ModelProviderAdmin(WorkspaceModelAdmin):
    needs = ADMINISTERED
    form = ModelProviderForm
    list_display = ["name", "kind", "address", "has_key", "updated_at"]
    search_fields = ["name", "kind"]
    object_actions = [connection_tests.button(_tried, form=ModelForm)]

    @column("Address")
    def address(self, row: ModelProvider) -> str:
        return row.base_url or providers.KINDS.get(row.kind, ((), ""))[1] or "its own"

    @column("Key", label={"Given": "success", "None": "default"})
    def has_key(self, row: ModelProvider) -> str:
        return "Given" if row.api_key else "None"
