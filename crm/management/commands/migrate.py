"""`manage.py migrate`, as Django has it, but nobody waits behind it for long.

A change of a table waits until nobody uses the table, and who comes later waits behind the change. So it waits for
LOCK_SECONDS, then stands back as long and is tried again: a migration that gave way has done nothing. The same where
PostgreSQL ends it because it and a writer wait for each other.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.commands import migrate
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

LOCK_SECONDS = 0.8  # less than PostgreSQL takes to look for deadlocks, which a writer might lose
TRIES = 150  # four minutes: who sits in a transaction and does nothing is ended sooner
_IN_USE = {"55P03", "40P01"}  # lock not available, deadlock detected


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        """Raises OperationalError where a table was in use all the time."""
        connection = connections[options["database"]]
        for left in reversed(range(TRIES)):
            try:
                with _impatient(connection):
                    super().handle(*args, **options)
                return
            except OperationalError as error:
                if not left or getattr(error.__cause__, "sqlstate", None) not in _IN_USE:
                    raise
            self.stderr.write(f"A table is in use; trying again in {LOCK_SECONDS:g} s.")
            threading.Event().wait(LOCK_SECONDS)


@contextmanager
def _impatient(connection: BaseDatabaseWrapper) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('lock_timeout', %s, false)", [f"{LOCK_SECONDS * 1000:.0f}ms"]
        )
    try:
        yield
    finally:
        if not connection.needs_rollback and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")
