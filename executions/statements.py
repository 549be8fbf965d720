"""Hand-written SQL: each statement is a file in `executions/sql/`, read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from django.db import connection

_FOLDER = Path(__file__).parent / "sql"


@cache
def _text(name: str) -> str:
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def run(name: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Executes `sql/<name>.sql` and returns its rows (none for a statement that returns nothing)."""
    with connection.cursor() as cursor:
        cursor.execute(_text(name), params)
        return cursor.fetchall() if cursor.description else []
