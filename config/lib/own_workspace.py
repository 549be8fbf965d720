"""References that cannot leave their workspace.

Where a row and the row that it refers to both carry a workspace, the foreign key is the pair (workspace, id): the
database itself refuses a reference into another workspace, whatever the code above it forgot. Django has no such key,
so the field says `db_constraint=False`, the row referred to has a unique (workspace, id), and a migration adds the key.
"""

from __future__ import annotations

from django.db.migrations import RunSQL


def key_name(table: str, column: str) -> str:
    return f"{table}_{column}_own_workspace"


def tie(table: str, column: str, *, to: str) -> RunSQL:
    """A migration's operation: `table.column` refers to an `id` of `to` in the same workspace, or to nothing.

    Checked at the end of the transaction, as Django's own foreign keys are. Fails where a row breaks it already.
    """
    name = key_name(table, column)
    return RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (workspace_id, {column}) "
        f"REFERENCES {to} (workspace_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )
