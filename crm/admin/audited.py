"""Every management action in the admin is one audit row."""

from __future__ import annotations

import copy
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.models import LogEntry
from django.db import models
from django.http import HttpRequest

from config.lib import audit, json

_UNTOLD = frozenset({"password", "digest", "updated_at", "last_login"})
_LONGEST = 20_000


def snapshot(row: models.Model) -> dict[str, Any]:
    """The row's own columns, JSON-shaped, without secrets and noise."""
    values = {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if field.name not in _UNTOLD
    }
    return {name: _short(json.sanitise(value)) for name, value in values.items()}


def _columns(row: models.Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def changed_columns(row: Any) -> list[str]:
    """Names of the fields that are not what `get_object` loaded, with the times that a save sets."""
    fields = row._meta.concrete_fields
    changed = [
        field.name for field in fields if getattr(row, field.attname) != row._loaded[field.attname]
    ]
    stamps = [field.name for field in fields if getattr(field, "auto_now", False)]
    return [*changed, *stamps] if changed else []


def _short(value: Any) -> Any:
    return value[:_LONGEST] + "…" if isinstance(value, str) and len(value) > _LONGEST else value


def difference(
    before: dict[str, Any], after: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What changed between two snapshots, as it was and as it is."""
    changed = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in changed}, {name: after[name] for name in changed}


class AuditedAdmin(ModelAdmin[Any]):
    """Hooks into the three places that Django itself logs from, all inside the action's transaction."""

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            row._before = snapshot(row)
            row._loaded = copy.deepcopy(_columns(row))
        return row

    def log_addition(self, request: HttpRequest, obj: models.Model, message: Any) -> LogEntry:
        audit.record(request, "create", obj, after=snapshot(obj))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: models.Model, message: Any) -> LogEntry:
        before, after = difference(getattr(obj, "_before", {}), snapshot(obj))
        audit.record(request, "update", obj, before=before, after=after)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for row in queryset:
            audit.record(request, "delete", row, before=snapshot(row))
        return super().log_deletions(request, queryset)
