"""Encrypting stored secrets anew, with the newest of the keys in FIELD_KEY, so that the older ones can be retired.

What is encrypted stands in an EncryptedTextField, or in a field with the name `sealed`. Rows are taken in batches,
each locked for the moment in which it is rewritten: the system goes on meanwhile, with all keys in force.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cryptography.fernet import InvalidToken
from django.apps import apps
from django.db import connection, models, transaction

from config.lib import secrets
from config.lib.secrets import EncryptedTextField

BATCH = 500
Column = tuple[str, str, str]  # table, primary key, column


def reseal() -> tuple[int, int]:
    """(how many were encrypted anew, how many no known key opens); twice is harmless."""
    found = [_batch(column, rows) for column in _columns() for rows in _batches(column)]
    return sum(done for done, _ in found), sum(lost for _, lost in found)


def _columns() -> Iterator[Column]:
    for model in apps.get_models():
        meta = model._meta
        for field in meta.concrete_fields:
            if isinstance(field, EncryptedTextField) or (
                field.name == "sealed" and isinstance(field, models.TextField)
            ):
                yield meta.db_table, str(meta.pk.column), str(field.column)


def _batches(column: Column) -> Iterator[list[Any]]:
    """The keys of rows that hold something, in their order."""
    table, pk, name = column
    last: Any = None
    while True:
        with connection.cursor() as cursor:
            after = "" if last is None else f'AND "{pk}" > %s '
            cursor.execute(
                f'SELECT "{pk}" FROM "{table}" WHERE "{name}" <> \'\' {after}'  # noqa: S608 - our own names
                f'ORDER BY "{pk}" LIMIT {BATCH}',
                [] if last is None else [last],
            )
            keys = [key for (key,) in cursor.fetchall()]
        if not keys:
            return
        yield keys
        last = keys[-1]


def _batch(column: Column, keys: list[Any]) -> tuple[int, int]:
    table, pk, name = column
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f'SELECT "{pk}", "{name}" FROM "{table}" WHERE "{pk}" = ANY(%s) '  # noqa: S608 - our own names
            f'AND "{name}" <> \'\' ORDER BY "{pk}" FOR UPDATE',
            [keys],
        )
        rows = cursor.fetchall()
        anew = [(text, key) for key, old in rows if (text := _anew(old))]
        cursor.executemany(f'UPDATE "{table}" SET "{name}" = %s WHERE "{pk}" = %s', anew)  # noqa: S608 - our own names
    return len(anew), len(rows) - len(anew)


def _anew(text: str) -> str | None:
    try:
        return secrets.rotated(text)
    except InvalidToken:
        return None
