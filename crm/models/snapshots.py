"""The values of a row as the database holds them, and what differs between two readings of it. No queries."""

from __future__ import annotations

from collections.abc import Collection
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any

from django.db import models

from config.lib import json

Field = models.Field[Any, Any]
Values = dict[str, Any]  # by field name; of a foreign key, the other row's id
Changes = dict[str, tuple[Any, Any]]  # field name -> (old, new)

_MAX_BYTES = (
    64 * 1024 * 1024
)  # only to clean, not to cut: how much a caller may send is asked at the border


@cache
def columns(model: type[models.Model]) -> tuple[Field, ...]:
    """What a snapshot of a row holds: all but its id and its workspace."""
    return tuple(
        field
        for field in model._meta.concrete_fields
        if not field.primary_key and field.name != "workspace"
    )


@cache
def tracked(model: type[models.Model]) -> tuple[Field, ...]:
    """The columns whose change is news: not the times that each write moves."""
    return tuple(
        field
        for field in columns(model)
        if not (getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))
    )


def named(fields: Collection[Field], names: Collection[str] | None) -> list[Field]:
    """Those of the fields that `names` has, as `owner` or as `owner_id`; all of them where it is None."""
    return [
        field for field in fields if names is None or field.name in names or field.attname in names
    ]


def as_stored(field: Field, value: Any) -> Any:
    """What reading the column back would give: an instance holds `"15000"` or 15000.0 as it was assigned."""
    if value is None:
        return None
    if isinstance(field, models.ForeignKey):
        return field.target_field.to_python(value)
    value = field.to_python(value)
    if isinstance(field, models.DecimalField) and value.is_finite():
        return value.quantize(Decimal(1).scaleb(-field.decimal_places), ROUND_HALF_UP)
    return value


def values_of(row: models.Model, fields: Collection[Field]) -> Values:
    return {field.name: as_stored(field, getattr(row, field.attname)) for field in fields}


def difference(fields: Collection[Field], before: Values, after: Values) -> Changes:
    return {
        field.name: (before[field.name], after[field.name])
        for field in fields
        if before[field.name] != after[field.name]
    }


def storable(value: Any) -> Any:
    """Text and JSON without what PostgreSQL refuses (NUL, lone surrogates): a bad name must not undo a sale."""
    return (
        json.sanitise(value, max_bytes=_MAX_BYTES)
        if isinstance(value, str | dict | list)
        else value
    )


def make_storable(row: models.Model) -> None:
    for field in tracked(type(row)):
        value = row.__dict__.get(field.attname)
        clean = storable(value)
        if clean != value:
            setattr(row, field.attname, clean)


def expressions(row: models.Model) -> list[Field]:
    """The fields that hold `F("value") + 1` or the like: only the database knows what came of it."""
    return [
        field
        for field in columns(type(row))
        if hasattr(row.__dict__.get(field.attname), "resolve_expression")
    ]
