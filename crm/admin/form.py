"""Public forms in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget

from config.lib.problems import Problem
from crm import embedding, form_fields, origins
from crm.admin.base import WorkspaceModelAdmin
from crm.admin.columns import column
from crm.admin.forms import WorkspaceModelForm
from crm.admin.rows import RecordsField
from crm.models import Form

TYPES = {
    "text": "Text",
    "email": "E-mail",
    "tel": "Phone",
    "url": "Web address",
    "number": "Number",
    "date": "Date",
    "textarea": "Long text",
    "select": "Choice",
    "checkbox": "Tick box",
}


class FormFieldsField(RecordsField):
    """The fields of a public form."""

    max_rows = form_fields.MAX_FIELDS

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.widget.config = {
            "ordered": True,
            "add": "Add a field",
            "empty": "A form needs at least one field.",
            "columns": [
                {"name": "label", "label": "Label", "type": "text", "placeholder": "Your name"},
                {
                    "name": "name",
                    "label": "Name in data",
                    "type": "text",
                    "placeholder": "name",
                    "narrow": True,
                },
                {
                    "name": "type",
                    "label": "Type",
                    "type": "select",
                    "start": "text",
                    "options": [{"value": key, "label": label} for key, label in TYPES.items()],
                },
                {"name": "required", "label": "Required", "type": "checkbox"},
                {"name": "help", "label": "Hint", "type": "text"},
                {
                    "name": "options",
                    "label": "Choices",
                    "type": "texts",
                    "only": {"type": ["select"]},
                },
            ],
        }

    def problems_of(self, record: dict[str, Any]) -> list[Problem]:
        """The rules are `crm.form_fields`'; here each fault only finds its input."""
        try:
            form_fields.known_fields([self.read_record(record)])
        except ValidationError as error:
            return [
                Problem(_place(said), said)
                for said in (text.removeprefix("Field 1: ") for text in error.messages)
            ]
        return []

    def problems_of_all(self, records: list[dict[str, Any]]) -> list[Problem]:
        try:
            form_fields.known_fields(records)
        except ValidationError as error:
            return [Problem("", text) for text in error.messages]
        return []

    def read_record(self, record: dict[str, Any]) -> dict[str, Any]:
        field = {
            "name": record.get("name"),
            "label": record.get("label"),
            "type": record.get("type"),
            "required": record.get("required", False),
        }
        more = {
            "help": record.get("help"),
            "options": record.get("options") if record.get("type") == "select" else None,
        }
        return field | {name: value for name, value in more.items() if value}


def _place(said: str) -> str:
    words = {
        "the name": "name",
        "the label": "label",
        "the type": "type",
        "help": "help",
        "required": "required",
        "a select": "options",
    }
    return next((column for start, column in words.items() if said.startswith(start)), "")


class SitesField(forms.CharField):
    """Origins, one on each line, in any spelling."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        return origins.read_all(str(super().clean(value)).split())

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(str(data or "").split() != (initial or []))


class FormAdminForm(WorkspaceModelForm):
    """Django keeps a form's own fields under the name that this model uses for its column, hence `form_fields`."""

    form_fields = FormFieldsField(label="Fields")
    origins = SitesField(
        label="Sites",
        required=False,
        max_length=origins.MAX_ORIGINS * origins.MAX_LENGTH,
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 3, "placeholder": "https://www.example.org"}
        ),
        help_text="Other sites that may show this form and send its answers, one on each line: scheme and host.",
    )

    class Meta:
        model = Form
        exclude = ["fields"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        instance = kwargs.get("instance")
        kwargs["initial"] = {"form_fields": (instance or Form()).fields} | (
            kwargs.get("initial") or {}
        )
        super().__init__(*args, **kwargs)

    def _post_clean(self) -> None:
        if "form_fields" in self.cleaned_data:
            self.instance.fields = self.cleaned_data["form_fields"]
        super()._post_clean()  # type: ignore[misc]  # not in the stubs


@admin.register(Form)
class FormAdmin(WorkspaceModelAdmin):
    form = FormAdminForm

    class Media:
        js = ["admin/copy.js"]

    list_display = ["name", "state", "submissions_count", "last_submitted_at", "page_link"]
    list_filter = ["is_open"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}
    readonly_fields = ["page_link", "submissions_link", "last_submitted_at", "snippet"]
    readable = {"form_fields": "fields_read", "origins": "sites_read"}
    fieldsets = [
        (None, {"fields": [("name", "slug"), "description", "is_open"]}),
        ("Fields", {"fields": ["form_fields"]}),
        ("After sending", {"fields": ["thank_you"]}),
        ("On other sites", {"fields": ["origins", "snippet"]}),
        ("Use", {"fields": ["page_link", ("submissions_link", "last_submitted_at")]}),
    ]

    @column("Fields")
    def fields_read(self, row: Form) -> str:
        said = {one["label"]: TYPES.get(one["type"], one["type"]) for one in row.fields}
        return render_to_string("admin/values.html", {"values": said})

    @column("Sites")
    def sites_read(self, row: Form) -> str:
        return ", ".join(row.origins) or "none"

    @column("To paste there")
    def snippet(self, row: Form) -> str:
        if row._state.adding:
            return "There is something to paste as soon as the form is saved."
        return render_to_string(
            "admin/snippet.html", {"row": row, "snippet": embedding.snippet(row)}
        )

    @column("State", label={"Open": "success", "Closed": "danger"})
    def state(self, row: Form) -> str:
        return "Open" if row.is_open else "Closed"

    @column("Public page")
    def page_link(self, row: Form) -> str | SafeString:
        if row._state.adding:
            return "There is one as soon as the form is saved."
        return format_html(
            '<a class="text-link" href="/forms/{}/" target="_blank" rel="noopener">/forms/{}/</a>',
            row.public_id,
            row.public_id,
        )

    @column("Submissions")
    def submissions_link(self, row: Form) -> str | SafeString:
        if row._state.adding:
            return "0"
        url = reverse("admin:crm_formsubmission_changelist")
        return format_html(
            '<a class="text-link" href="{}?form__id__exact={}">{} received</a>',
            url,
            row.pk,
            row.submissions_count,
        )
