"""The editor of an input mapping: for each input a place in the event, words for a model, or a fixed value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crm.admin.rows import PairsField, RowsWidget
from crm.models import Workspace
from executions.admin import vocabulary

FIELD = "input_mapping"


class MappingWidget(RowsWidget):
    scripts = (*RowsWidget.scripts, "admin/mapping_cell.js")


class MappingField(PairsField):
    """Checked by `triggers.blueprint` with the rest of the trigger."""

    widget: Any = MappingWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label="From the event",
            add="Add an input",
            name_label="Input",
            value_label="Where it comes from",
            value_type="mapping",
            help_text="The steps read it as @inputs.name. A place in the event is a path such as $.deal.value; what no "
            "path can say, a model reads out of the event when the run begins.",
            **kwargs,
        )

    def offer(self, workspace: Workspace | None) -> None:
        """What the editor may suggest in this workspace."""
        name, value = self.widget.config["columns"]
        default = workspace.default_model if workspace else ""
        more = {
            "options": vocabulary.json_paths(workspace),
            "placeholder": "$.contact.email",
            "model": f"The agent's, else {default}" if default else "The agent's",
        }
        self.widget.config = self.widget.config | {"columns": [name, value | more]}


def in_rows(problems: Mapping[str, list[str]], mapping: Mapping[str, Any]) -> dict[str, list[str]]:
    """An entry of a mapping is known by its name elsewhere, and by its row in the editor."""
    found: dict[str, list[str]] = {}
    rows = [(f"{FIELD}.{name}", f"{FIELD}[{row}].value") for row, name in enumerate(mapping)]
    for path, said in problems.items():
        row = next((row for name, row in rows if path == name), "")
        inner = [(name, row) for name, row in rows if path.startswith(f"{name}.")]
        if not row and inner:
            _, row = max(inner, key=lambda pair: len(pair[0]))
        found.setdefault(row or path, []).extend(said)
    return found
