"""One value of any JSON type, built from inputs: for samples of events."""

from __future__ import annotations

from typing import Any

from config.lib.problems import Problem
from crm.admin.editors import EditorField, EditorWidget, refuse


class ValueWidget(EditorWidget):
    editor = "value"
    scripts = ("admin/value_editor.js",)


class ValueField(EditorField):
    """`kind`: the only Python type that is taken."""

    widget = ValueWidget

    def __init__(self, *, kind: type, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind
        self.widget.config = {
            "label": str(kwargs.get("label", "Value")),
            "only": "group" if kind is dict else None,
        }

    def read(self, value: Any) -> Any:
        if not isinstance(value, self.kind):
            refuse([Problem("", "This is not the kind of value that is wanted here.")])
        return value
