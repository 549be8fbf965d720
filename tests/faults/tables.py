"""How large the tables of the database are, to be compared with what they were."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection


@dataclass(frozen=True)
class Table:
    """`mib` with its indexes and what is stored beside it."""

    rows: int
    mib: float


def measure(*, without: Collection[str] = ()) -> dict[str, Table]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_total_relation_size(oid) / 1048576.0 FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        sizes = {name: float(mib) for name, mib in cursor.fetchall() if name not in without}
        found = {}
        for name, mib in sorted(sizes.items()):
            cursor.execute(f'SELECT count(*) FROM "{name}"')
            found[name] = Table(int(cursor.fetchone()[0]), mib)
    return found


def rows_gained(before: dict[str, Table], now: dict[str, Table]) -> dict[str, int]:
    """By table, where there are more."""
    gained = {name: table.rows - before[name].rows for name, table in now.items()}
    return {name: rows for name, rows in gained.items() if rows > 0}


def mib_gained(before: dict[str, Table], now: dict[str, Table]) -> float:
    """Of all tables together."""
    return sum(table.mib for table in now.values()) - sum(table.mib for table in before.values())
