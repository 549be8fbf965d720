"""Capture of changes that other programs make in our tables: PostgreSQL triggers that are there only when asked for.

Every connection of ours says who it is when it is opened (`triggerfish.writer`, in `DATABASES`), and a trigger's WHEN
asks that before its function is called: our own writes, which the models tell themselves, are never captured, and cost
next to nothing. Each table is changed in a transaction of its own with a short `lock_timeout`, so that nobody waits for
an installation, and no two locks are held at once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.db import OperationalError, connection, transaction
from django.db.models import Min
from psycopg import sql

from crm.models import CapturedChange

_SQL = Path(__file__).parent / "sql"
NAME = "triggerfish_capture"  # of the function, and of each trigger
TABLES = {
    "crm_contact": "INSERT OR UPDATE OR DELETE",
    "crm_opportunity": "INSERT OR UPDATE OR DELETE",
    "crm_formsubmission": "INSERT",
    "crm_membership": "UPDATE",
}  # and which changes of them are events
LOCK_SECONDS = 3.0
_UNMARKED = (
    "This connection does not say that it is ours (triggerfish.writer), so every write of our own would be told twice. "
    "A pooler between here and PostgreSQL drops the setting `options`: docs/capture.md says what to do."
)


class CannotCapture(Exception):
    """Says why, in a sentence for the operator."""


@dataclass(slots=True)
class State:
    """`problems`: sentences, empty where all is well. `waiting` changes are told within a second where workers run."""

    is_on: bool
    tables: dict[str, bool]
    waiting: int = 0
    waiting_since: dt.datetime | None = None
    put_aside: int = 0
    problems: list[str] = field(default_factory=list)


def switch_on(*, lock_seconds: float = LOCK_SECONDS) -> None:
    """Twice is once. Raises CannotCapture where a table is busy; what was installed by then is taken away again."""
    if not _is_marked():
        raise CannotCapture(_UNMARKED)
    was_on, schema = look().is_on, _schema()
    _create_function(schema, lock_seconds)
    try:
        for table, operations in TABLES.items():
            _create_trigger(schema, table, operations, lock_seconds)
    except CannotCapture:
        if not was_on:
            switch_off(lock_seconds=lock_seconds)
        raise


def _create_function(schema: str, lock_seconds: float) -> None:
    """Nobody else may hang it on a table of his own, and so make up events."""
    create = sql.SQL((_SQL / "create_capture.sql").read_text("utf-8"))
    body = sql.SQL(_body(schema))
    _run(create.format(schema=sql.Identifier(schema), body=body), lock_seconds)
    revoke = sql.SQL("REVOKE ALL ON FUNCTION {}() FROM PUBLIC")
    _run(revoke.format(sql.Identifier(schema, NAME)), lock_seconds)


def _create_trigger(schema: str, table: str, operations: str, lock_seconds: float) -> None:
    """One that was disabled by hand is made anew."""
    where, name = sql.Identifier(schema, table), sql.Identifier(NAME)
    if _installed().get(table) is False:
        drop = sql.SQL("DROP TRIGGER {} ON {}").format(name, where)
        _run(drop, lock_seconds, table=table)
    create = sql.SQL(
        "CREATE OR REPLACE TRIGGER {name} AFTER {operations} ON {table} FOR EACH ROW "
        "WHEN (coalesce(current_setting('triggerfish.writer', true), '') = '') EXECUTE FUNCTION {function}()"
    )
    statement = create.format(
        name=name,
        operations=sql.SQL(operations),
        table=where,
        function=sql.Identifier(schema, NAME),
    )
    _run(statement, lock_seconds, table=table)


def switch_off(*, lock_seconds: float = LOCK_SECONDS) -> None:
    """Leaves neither trigger nor function; what was captured before is told all the same."""
    schema = _schema()
    for table in _installed():
        drop = sql.SQL("DROP TRIGGER IF EXISTS {} ON {}")
        _run(
            drop.format(sql.Identifier(NAME), sql.Identifier(schema, table)),
            lock_seconds,
            table=table,
        )
    drop = sql.SQL("DROP FUNCTION IF EXISTS {}()")
    _run(drop.format(sql.Identifier(schema, NAME)), lock_seconds)


def look() -> State:
    installed = _installed()
    aside = CapturedChange.objects.put_aside().count()
    waiting = CapturedChange.objects.waiting()
    state = State(
        is_on=bool(installed),
        tables={table: installed.get(table, False) for table in TABLES},
        waiting=waiting.count(),
        waiting_since=waiting.order_by().aggregate(since=Min("changed_at"))["since"],
        put_aside=aside,
    )
    state.problems = [*_problems(installed), *_untold(aside)] if installed else _untold(aside)
    return state


def _problems(installed: dict[str, bool]) -> list[str]:
    again = "run capture_writes on"
    found = [
        f"The trigger of {table} {'is disabled' if table in installed else 'is missing'}: {again}."
        for table in TABLES
        if not installed.get(table)
    ]
    if _stored_body() != _body(_schema()):
        found.append(f"The function is of another version: {again}.")
    if not _is_marked():
        found.append(_UNMARKED)
    return found


def _untold(aside: int) -> list[str]:
    if not aside:
        return []
    return [
        f"Changes that could not be told: {aside}. Their errors stand in crm_capturedchange; "
        "capture_writes retry tries them again."
    ]


@contextmanager
def outside() -> Iterator[None]:
    """Raw SQL inside counts as another program's, so that it is captured; no writes of models: they tell themselves."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('triggerfish.writer', true)")
        (writer,) = cursor.fetchone() or ("",)
        cursor.execute("SELECT set_config('triggerfish.writer', '', true)")
        yield
        if not connection.needs_rollback:
            cursor.execute("SELECT set_config('triggerfish.writer', %s, true)", [writer or ""])


def _run(statement: sql.Composed, lock_seconds: float, *, table: str = "") -> None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            milliseconds = str(round(lock_seconds * 1000))
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [milliseconds])
            cursor.execute(statement)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != "55P03":  # lock not available
            raise
        what = table or "The function"
        raise CannotCapture(
            f"{what} is in use, and was waited for {lock_seconds:g} s: try again, or --wait longer."
        ) from error


def _rows(statement: str, *params: str) -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        found: list[tuple[str, ...]] = cursor.fetchall()
        return found


def _schema() -> str:
    """Where our tables are."""
    ((name,),) = _rows(
        "SELECT nspname FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid "
        "WHERE c.oid = 'crm_contact'::regclass"
    )
    return name


def _is_marked() -> bool:
    return bool(_rows("SELECT current_setting('triggerfish.writer', true)")[0][0])


def _installed() -> dict[str, bool]:
    """By table, whether its trigger is enabled."""
    found = _rows(
        "SELECT c.relname, t.tgenabled IN ('O', 'A') FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE t.tgname = %s AND n.nspname = %s",
        NAME,
        _schema(),
    )
    return {table: bool(works) for table, works in found}


def _body(schema: str) -> str:
    text = (_SQL / "capture_body.sql").read_text("utf-8")
    return text.replace("{schema}", sql.Identifier(schema).as_string())


def _stored_body() -> str:
    found = _rows(
        "SELECT prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
        "WHERE proname = %s AND nspname = %s",
        NAME,
        _schema(),
    )
    return found[0][0] if found else ""
