"""One dispatcher at a time, and whether the one before it lived to its end.

Two sequences, which no rollback undoes, count the batches that were begun and those that ended, well or not: only the
death of a process leaves one out. They are not logged, so they cost no write to the disk; a crash of the server sets
both back.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError, connection, transaction

from config.lib import clock
from config.lib.locks import Lock

LOCK_TIMEOUT = "1s"
# The lock asks for what the setting answers, so that it is taken after it.
_LOCK = """SELECT clock_timestamp(), nextval('executions_batch_begun'), (SELECT last_value FROM executions_batch_ended)
    FROM (SELECT set_config('lock_timeout', %s, true) AS said OFFSET 0) AS patience,
    LATERAL pg_advisory_xact_lock(CASE WHEN patience.said <> '' THEN %s::bigint END)"""
_END = (
    "SELECT setval('executions_batch_ended', GREATEST(last_value, %s)) FROM executions_batch_ended"
)


class SomebodyDied(Exception):
    """In the middle of the batch before this one."""


@dataclass(frozen=True, slots=True)
class Turn:
    """`now`: the database's time when it began."""

    now: dt.datetime
    number: int
    after_a_death: bool


@contextmanager
def take() -> Iterator[Turn]:
    """A transaction that no other dispatcher shares. Raises OperationalError where another one keeps it waiting.

    Its end is counted before the lock goes: the next dispatcher looks at once.
    """
    turn, is_counted = None, False
    try:
        with transaction.atomic():
            turn = _lock()
            try:
                yield turn
            except SomebodyDied:
                _end(turn.number)
                is_counted = True
                raise
            _end(turn.number)
            is_counted = True
    finally:
        if turn is not None and not is_counted:
            # Where the database is away, the next batch is taken one by one, and that is all.
            with suppress(OperationalError, InterfaceError):
                _end(turn.number)


def _lock() -> Turn:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [LOCK_TIMEOUT, Lock.DISPATCH.value])
        ((now, number, ended),) = cursor.fetchall()
    return Turn(clock.observed(now), number, after_a_death=number - ended > 1)


def _end(number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_END, [number])
