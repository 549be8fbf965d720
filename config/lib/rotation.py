"""Bringing every stored secret under the newest key of FIELD_KEY, so that older keys can be taken away.

A secret is what stands in a field of one of SECRET_FIELDS, of whatever model: a new one is found by itself.
Run it as often as you like: what is under the newest key already stays as it is, so one that was broken off goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from django.db.models.functions import Cast

from config.lib import secrets
from config.lib.secrets import EncryptedPairsField, EncryptedTextField, SealedTextField

BATCH = 500
SECRET_FIELDS = (EncryptedTextField, EncryptedPairsField, SealedTextField)


class NoKey(ValueError):
    """FIELD_KEY holds no key, or something that is none; the message says which one by its place."""


@dataclass(slots=True)
class Tally:
    """Of one column: rows that are `rotated` now, that were `current` before, and ids of those that no key opens."""

    table: str
    column: str
    rotated: int = 0
    current: int = 0
    locked: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Keys:
    newest: Fernet
    all: MultiFernet

    @classmethod
    def of_settings(cls) -> _Keys:
        """Raises NoKey. What was stored while there was no FIELD_KEY is under a key made of SECRET_KEY."""
        if not settings.FIELD_KEYS:
            raise NoKey("FIELD_KEY is not set: there is no key to rotate to.")
        keys = []
        for number, key in enumerate(settings.FIELD_KEYS, 1):
            try:
                keys.append(Fernet(key))
            except ValueError:
                raise NoKey(
                    f"FIELD_KEY: key {number} is no Fernet key (32 bytes in base64)."
                ) from None
        return cls(keys[0], MultiFernet([*keys, Fernet(secrets.derived_key(settings.SECRET_KEY))]))


def secret_fields() -> list[models.Field[Any, Any]]:
    """Every field that holds encrypted text, of every table."""
    return [
        one
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
        for one in model._meta.local_concrete_fields
        if isinstance(one, SECRET_FIELDS)
    ]


def rotate(*, batch: int = BATCH) -> Iterator[Tally]:
    """Field by field, in transactions of `batch` rows. Raises NoKey before anything is changed."""
    keys = _Keys.of_settings()
    for one in secret_fields():
        yield _rotate_field(one, keys, batch)


def _rotate_field(one: models.Field[Any, Any], keys: _Keys, batch: int) -> Tally:
    tally = Tally(one.model._meta.db_table, str(one.column))
    # As it is stored: the field itself would decrypt it. A plain QuerySet: this is no change of the row to anybody.
    raw = Cast(one.attname, models.TextField())
    told = ~models.Q(**{one.attname: ""}) & ~models.Q(**{one.attname: None})
    rows = models.QuerySet(one.model).annotate(_stored=raw).filter(told).order_by("pk")
    after: Any = None
    while True:
        with transaction.atomic():
            following = rows if after is None else rows.filter(pk__gt=after)
            locked = following.select_for_update(no_key=True)
            found = list(locked.values_list("pk", "_stored")[:batch])
            for pk, stored in found:
                _rotate_row(one, pk, stored, keys, tally)
        if len(found) < batch:
            return tally
        after = found[-1][0]


def _rotate_row(
    one: models.Field[Any, Any], pk: Any, stored: str, keys: _Keys, tally: Tally
) -> None:
    try:
        keys.newest.decrypt(stored.encode())
        tally.current += 1
        return
    except InvalidToken:
        pass
    try:
        fresh = keys.all.rotate(stored.encode()).decode()
    except InvalidToken:
        tally.locked.append(str(pk))
        return
    value = models.Value(fresh, output_field=models.TextField())
    tally.rotated += models.QuerySet(one.model).filter(pk=pk).update(**{one.attname: value})
