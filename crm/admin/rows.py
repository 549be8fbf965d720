"""Rows of inputs: a list of small records, or names with values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from config.lib.problems import Problem
from crm.admin.editors import EditorField, EditorWidget, refuse

MAX_ROWS = 200
MAX_NAME = 200


class RowsWidget(EditorWidget):
    """`config`: `{"columns": [{"name", "label", "type", ...}], "add": "Add a stage", "ordered", "empty"}`.

    Column types: text, textarea, number, checkbox, select, suggest (free text with suggestions), texts (one per line),
    value (of any type), mapping (see `executions.admin.mapping_form`).
    """

    editor = "rows"
    scripts: tuple[str, ...] = ("admin/value_editor.js", "admin/rows_editor.js")


class PairsField(EditorField):
    """A JSON object as rows of name and value. The editor sends a list of pairs, so that a doubled name is seen."""

    widget = RowsWidget
    empty = dict

    def __init__(
        self,
        *,
        name_label: str = "Name",
        value_label: str = "Value",
        add: str = "Add a value",
        value_type: str = "value",
        suggestions: Sequence[str] = (),
        value_suggestions: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("required", False)
        super().__init__(**kwargs)
        self.value_type = value_type
        self.widget.config = {
            "pairs": True,
            "add": add,
            "columns": [
                {
                    "name": "name",
                    "label": name_label,
                    "type": "suggest",
                    "options": list(suggestions),
                    "narrow": True,
                },
                {
                    "name": "value",
                    "label": value_label,
                    "type": value_type,
                    "options": list(value_suggestions),
                },
            ],
        }

    def show(self, value: Any) -> Any:
        return [[name, item] for name, item in (value or {}).items()]

    def read(self, value: Any) -> dict[str, Any]:
        pairs = [[name, item] for name, item in value.items()] if isinstance(value, dict) else value
        if not isinstance(pairs, list) or len(pairs) > MAX_ROWS:
            refuse([Problem("", f"Give at most {MAX_ROWS} rows of a name and a value.")])
        found: dict[str, Any] = {}
        refuse(
            problem
            for index, pair in enumerate(pairs)
            if (problem := self._take(found, index, pair))
        )
        return found

    def _take(self, found: dict[str, Any], index: int, pair: Any) -> Problem | None:
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str):
            return Problem(f"[{index}]", "A row is a name and a value.")
        name = pair[0].strip()
        if not 0 < len(name) <= MAX_NAME:
            return Problem(f"[{index}].name", "Give each row a name of at most 200 characters.")
        if name in found:
            return Problem(f"[{index}].name", f"The name {name!r} stands here twice.")
        found[name] = pair[1]
        return None


class RecordsField(EditorField):
    """A list of records, each an object with the columns' names; `read_record` checks one."""

    widget = RowsWidget
    empty = list
    max_rows = MAX_ROWS

    def read(self, value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) > self.max_rows:
            refuse([Problem("", f"Give a list of at most {self.max_rows} rows.")])
        records, problems = [], []
        for index, record in enumerate(value):
            if not isinstance(record, dict):
                problems.append(Problem(f"[{index}]", "A row is a record."))
                continue
            problems += [
                Problem(
                    f"[{index}].{problem.path}".rstrip("."), problem.message, problem.suggestion
                )
                for problem in self.problems_of(record)
            ]
            records.append(self.read_record(record))
        refuse(problems)
        refuse(self.problems_of_all(records))
        return records

    def problems_of(self, record: dict[str, Any]) -> list[Problem]:
        return []

    def problems_of_all(self, records: list[Any]) -> list[Problem]:
        return []

    def read_record(self, record: dict[str, Any]) -> Any:
        return record
