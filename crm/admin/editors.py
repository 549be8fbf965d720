"""Form fields for structured values: an editor in place of a box with JSON in it.

The page holds one hidden input with the value as JSON, what the editor may offer as `json_script`, and an empty box
that a script of `static/admin/` fills. Whatever the script sent, the server checks; faults come back with the path of
their place, and the editor marks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BoundField
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from config.lib import json
from config.lib.problems import Problem
from crm.admin.forms import placed


class EditorWidget(forms.Widget):
    """`editor`: the name under which a script registered itself with `Triggerfish.editor`."""

    editor = ""
    scripts: tuple[str, ...] = ()

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.config: dict[str, Any] = dict(config or {})
        self.problems: list[dict[str, str]] = []

    @property
    def media(self) -> forms.Media:
        return forms.Media(
            js=["admin/editor.js", *self.scripts], css={"all": ["admin/editors.css"]}
        )

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        element = (attrs or {}).get("id") or f"id_{name}"
        context = {
            "name": name,
            "id": element,
            "config_id": f"{element}_config",
            "value": value,
            "editor": self.editor,
            "config": self.config | {"problems": self.problems},
        }
        return render_to_string("admin/widgets/editor.html", context)


class EditorBoundField(BoundField):
    """Tells the widget where the faults are, before it is drawn."""

    def as_widget(
        self, widget: Any = None, attrs: Any = None, only_initial: bool = False
    ) -> SafeString:
        widget = widget or self.field.widget
        found = self.form.errors.as_data().get(self.name, []) if self.form.is_bound else []
        widget.problems = [
            {"path": str((error.params or {}).get("path", "")), "message": " ".join(error.messages)}
            for error in found
        ]
        return super().as_widget(widget, attrs, only_initial)


class EditorField(forms.Field):
    """A value as JSON; subclasses say what is allowed in `read`."""

    widget = EditorWidget
    empty_values = [None, ""]
    empty: Any = None

    def get_bound_field(self, form: Any, field_name: str) -> EditorBoundField:
        return EditorBoundField(form, self, field_name)

    def prepare_value(self, value: Any) -> str:
        """What was sent is shown again as it was sent, the stored value as JSON."""
        return value if isinstance(value, str) else json.dumps(self.show(value)).decode()

    def to_python(self, value: Any) -> Any:
        try:
            sent = None if value in self.empty_values else json.loads(value)
        except json.InvalidJSON as error:
            raise ValidationError(
                f"The editor sent what is not JSON: {error.message}. Please reload the page."
            ) from error
        if sent is None:  # nothing was entered
            return self.empty() if callable(self.empty) else self.empty
        return self.read(sent)

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != initial)
        except ValidationError:
            return True

    def show(self, value: Any) -> Any:
        """The stored value in the editor's shape."""
        return value

    def read(self, value: Any) -> Any:
        """The editor's value in the stored shape; raises ValidationError (see `refuse`)."""
        return value


def refuse(problems: Iterable[Problem]) -> None:
    """Raises one ValidationError that keeps each problem's path, where there are any."""
    errors = [placed(str(problem), problem.path) for problem in problems]
    if errors:
        raise ValidationError(errors)
