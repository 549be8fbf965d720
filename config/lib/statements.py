"""Hand-written SQL: each statement is a file, `<app>/sql/<verb>_<noun>.sql`, read once, its comments
left out."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from django.db import connection


@cache
def _text(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))


class Statements:
    """The statements of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, name: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Executes `<name>.sql` and returns its rows (none for a statement that returns nothing)."""
        with connection.cursor() as cursor:
            cursor.execute(_text(self._folder / f"{name}.sql"), params)
            return cursor.fetchall() if cursor.description else []
