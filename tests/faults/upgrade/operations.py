"""What another app's migration would do, done by one of the lab's."""

from __future__ import annotations

from typing import Any

from django.db.migrations.operations.base import Operation


class On(Operation):
    """`operation` on the models of `app`."""

    def __init__(self, app: str, operation: Operation) -> None:
        self.app, self.operation = app, operation

    @property
    def reversible(self) -> bool:  # type: ignore[override]
        return self.operation.reversible

    def state_forwards(self, app_label: str, state: Any) -> None:
        self.operation.state_forwards(self.app, state)

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self.operation.database_forwards(self.app, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self.operation.database_backwards(self.app, schema_editor, from_state, to_state)
