"""A workspace's own webhook types in the admin: what they are made of, which triggers use them, and trying them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from config.lib import json
from crm.admin.actions import Done, ObjectAction
from crm.admin.base import WorkspaceModelAdmin
from crm.admin.columns import column
from crm.admin.forms import WorkspaceModelForm, add_problems
from crm.admin.reading import as_list, as_table
from crm.admin.rows import PairsField
from crm.admin.values import ValueField
from triggers import payload_schemas, sandbox, uploading, webhook_types
from triggers.models import OwnWebhookType, Trigger
from triggers.problems import InvalidType
from triggers.sources.webhook import METHODS
from triggers.webhook_types import Incoming

FIELDS = (
    *("name", "parser", "json_schema", "required_config_fields", "optional_config_fields"),
    *("default_methods", "validation_required", "response_format", "custom_parser_code"),
    *("validation_code", "sample_payload"),
)
_FORM_NAMES = {"webhook_type": "name"}
_PARSE_HELP = (
    "def parse(body, headers): answers an object of plain names, which conditions and agents read as parsed. It finds "
    "method, query and config (without secrets) too."
)
_VALIDATE_HELP = (
    "def validate(body, headers, config): True accepts, everything else is refused with 401. It finds raw, method and "
    "query, and the functions same(a, b) and hmac_sha256(key, text)."
)


class CodeWidget(UnfoldAdminTextareaWidget):  # type: ignore[misc]  # unfold has no types
    """In letters of one width."""

    class Media:
        css = {"all": ["admin/editors.css"]}

    def __init__(self) -> None:
        super().__init__(attrs={"rows": 12, "spellcheck": "false"})
        self.attrs["class"] = f"{self.attrs.get('class', '')} tf-code"


class SchemaField(forms.CharField):
    """A JSON Schema is a document that people paste: a text, with the place where it is wrong."""

    widget = CodeWidget

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else json.indented(value or {})

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        try:
            return json.loads(text or "{}", max_bytes=payload_schemas.MAX_BYTES)
        except json.InvalidJSON as error:
            line = (text or "").count("\n", 0, error.position) + 1
            raise ValidationError(f"Line {line}: {error.message}.") from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != (initial or {}))
        except ValidationError:
            return True


class LinesField(forms.CharField):
    """A list of texts, one per line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), **kwargs
        )

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(data) != (initial or []))


def _choices(*more: str) -> list[tuple[str, str]]:
    built_in = [(name, webhook_types.find(name).label) for name in webhook_types.registry]
    return [*((name, name) for name in more), *built_in]


class WebhookTypeForm(WorkspaceModelForm):
    """`triggers.uploading` checks and sets; the form only carries the values there and the problems back."""

    name = forms.CharField(
        max_length=50,
        widget=UnfoldAdminTextInputWidget,
        help_text="Small letters, digits, _ and -: what triggers call it.",
    )
    parser = forms.ChoiceField(
        widget=UnfoldAdminSelectWidget,
        help_text="What reads a body: your own code below (custom), the plain JSON, or a built-in type.",
    )
    json_schema = SchemaField(required=False, label="JSON Schema of the body")
    required_config_fields = LinesField(
        label="Secrets of each trigger",
        help_text="Names, one per line. Every trigger of this type must give them; they are stored encrypted.",
    )
    optional_config_fields = LinesField(
        label="Settings of each trigger", help_text="Names, one per line. Not secret."
    )
    default_methods = forms.MultipleChoiceField(
        choices=[(name, name) for name in METHODS],
        initial=["POST"],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    validation_required = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Requests that do not fit the schema are refused, and the code below checks who sent them.",
    )
    response_format = forms.ChoiceField(initial="json", widget=UnfoldAdminSelectWidget)
    custom_parser_code = forms.CharField(
        required=False,
        strip=False,
        widget=CodeWidget,
        label="Code that reads",
        help_text=_PARSE_HELP,
    )
    validation_code = forms.CharField(
        required=False,
        strip=False,
        widget=CodeWidget,
        label="Code that checks",
        help_text=_VALIDATE_HELP,
    )
    sample_payload = ValueField(
        required=False,
        kind=object,
        label="Sample",
        help_text="A body such as the sender sends: for trying, for tests, and for the fields of conditions.",
    )
    warnings: list[str]

    class Meta:
        model = OwnWebhookType
        fields = FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "parser" not in self.fields:
            return  # the page of somebody who may only look
        named = dict(_choices("custom", "json"))
        own = self.instance.parser
        more = [] if not own or own.lower() in named else [(own, own)]
        self.fields["parser"].choices = [*more, *named.items()]  # type: ignore[attr-defined]
        self.fields["response_format"].choices = _choices("json")  # type: ignore[attr-defined]

    def _post_clean(self) -> None:
        """In place of Django's own checks, which would copy the values onto the row before they are judged."""
        given = {name: self.cleaned_data[name] for name in FIELDS if name in self.cleaned_data}
        given = {{"name": "webhook_type"}.get(name, name): value for name, value in given.items()}
        for name in ("custom_parser_code", "validation_code"):
            if name in given:
                given[name] = given[name].replace("\r\n", "\n")
        self.warnings = []
        try:
            self.warnings = uploading.apply(self.instance, given)
        except InvalidType as invalid:
            found = {
                path: said
                for path, said in invalid.problems.items()
                if _FORM_NAMES.get(path, path) not in self.errors
            }
            add_problems(self, found, names=_FORM_NAMES)
        except sandbox.CannotRun as error:
            self.add_error(None, f"Its code cannot be tried now. Please save again. ({error})")

    def save(self, commit: bool = True) -> OwnWebhookType:
        return self.instance  # type: ignore[no-any-return]  # saved by `save_model`

    def save_m2m(self) -> None:
        """There is nothing of the kind."""


def trial_form(row: OwnWebhookType) -> type[forms.Form]:
    known = ["secret", *row.required_config_fields, *row.optional_config_fields]

    class TrialForm(forms.Form):
        body = ValueField(
            required=False,
            kind=object,
            label="Body",
            initial=row.sample_payload,
            help_text="The sample of the type. Change what you like.",
        )
        headers = PairsField(
            label="Headers", add="Add a header", name_label="Header", value_type="text"
        )
        config = PairsField(
            label="Configuration of the trigger",
            add="Add a field",
            name_label="Field",
            suggestions=known,
            help_text="What the code that checks needs. Nothing of it is stored.",
        )
        query = forms.CharField(required=False, max_length=2000, widget=UnfoldAdminTextInputWidget)

    return TrialForm


def try_it(request: HttpRequest, row: OwnWebhookType, cleaned: dict[str, Any]) -> Done:
    """Changes nothing, so nothing is written to the trail."""
    headers = {name.lower(): str(value) for name, value in cleaned["headers"].items()}
    incoming = Incoming(
        (row.default_methods or ["POST"])[0],
        {"content-type": webhook_types.JSON, **headers},
        json.dumps(cleaned["body"]),
        query=cleaned["query"],
    )
    context = admin.site.each_context(request) | {
        "title": "Try it",
        "subtitle": str(row),
        "opts": OwnWebhookType._meta,
        "answer": uploading.attempt(row, incoming, config=cleaned["config"]),
        "row": row,
    }
    page = TemplateResponse(request, "admin/webhook_type_trial.html", context)
    return Done("", page=page, recorded=True)


@admin.register(OwnWebhookType)
class WebhookTypeAdmin(WorkspaceModelAdmin):
    form = WebhookTypeForm
    list_display = ["name", "proves", "used_by", "updated_at"]
    search_fields = ["name"]
    ordering = ["name"]
    readonly_fields = ["triggers_list", "reads", "version", "created_at", "updated_at"]
    readable = {
        "json_schema": "schema_read", "required_config_fields": "secrets_read",
        "optional_config_fields": "settings_read", "default_methods": "methods_read", "sample_payload": "sample_read",
    }  # fmt: skip
    schema_read = as_table("json_schema", "JSON Schema of the body")
    secrets_read = as_list("required_config_fields", "Secrets of each trigger")
    settings_read = as_list("optional_config_fields", "Settings of each trigger")
    methods_read = as_list("default_methods", "Methods")
    sample_read = as_table("sample_payload", "Sample")
    reads = as_table("parsed_sample", "Read out of the sample")
    fieldsets = [
        (None, {"fields": ["name", "default_methods", "response_format"]}),
        ("What its senders send", {"fields": ["json_schema", "sample_payload"]}),
        ("What is read out of it", {"fields": ["parser", "custom_parser_code", "reads"]}),
        (
            "Who may send",
            {"fields": ["validation_required", "required_config_fields", "optional_config_fields", "validation_code"]},
        ),
        ("History", {"fields": ["triggers_list", "version", "created_at", "updated_at"]}),
    ]  # fmt: skip
    object_actions = [
        ObjectAction("try_it", "Try it", try_it, icon="science", form=trial_form, in_bulk=False)
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("triggers")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        for warning in form.warnings:
            messages.warning(request, warning)

    @column("Checks senders by")
    def proves(self, row: OwnWebhookType) -> str:
        has_code = row.validation_required and row.validation_code and row.required_config_fields
        return "its own code" if has_code else "the signature of a secret"

    @column("Triggers")
    def used_by(self, row: OwnWebhookType) -> str:
        return str(len(row.triggers.all()))

    @column("Triggers that use it")
    def triggers_list(self, row: OwnWebhookType) -> str:
        used: list[Trigger] = list(row.triggers.all())
        return render_to_string("admin/trigger_names.html", {"triggers": used})
