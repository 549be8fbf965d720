"""Every management action in the admin is one audit row."""

from __future__ import annotations

import copy
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import connection, models
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from config.lib import audit, json
from config.lib.secrets import HIDDEN, EncryptedPairsField
from crm.signals import about_to_lock

_UNTOLD = frozenset({"password", "digest", "sealed", "updated_at", "last_login"})
_LONGEST = 20_000


def snapshot(row: models.Model) -> dict[str, Any]:
    """The row's own columns, JSON-shaped, without secrets and noise."""
    untold = {*_UNTOLD, *getattr(row, "untold", ())}
    values = {
        field.attname: _told(field, getattr(row, field.attname))
        for field in row._meta.concrete_fields
        if field.name not in untold
    }
    return {name: _short(json.sanitise(value)) for name, value in values.items()}


def _told(field: Any, value: Any) -> Any:
    """Of secret pairs the names."""
    is_secret = isinstance(field, EncryptedPairsField)
    return dict.fromkeys(value or {}, HIDDEN) if is_secret else value


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


def told_changes(before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    """(column, before, after) of one row of the trail, for `admin/changes.html`."""
    was, now = before or {}, after or {}
    return [(name, was.get(name), now.get(name)) for name in {**was, **now}]


class AuditedAdmin(ModelAdmin[Any]):
    """Hooks into the three places that Django itself logs from, all inside the action's transaction."""

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """On the way to a save the row is locked first: of two who save at once, the second sees what the first did."""
        row = super().get_object(request, object_id, from_field)
        if row is not None and request.method == "POST" and connection.in_atomic_block:
            rows = type(row)._base_manager.filter(pk=row.pk)
            about_to_lock.send(type(row), rows=rows, deleting=False)
            rows.select_for_update(no_key=True).values_list("pk").first()
            row = super().get_object(request, object_id, from_field)
        if row is not None:
            row._before = snapshot(row)
            row._loaded = copy.deepcopy(_columns(row))
        return row

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The trail in place of Django's own log, which knows nothing of buttons, REST and agents."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        context = self.admin_site.each_context(request) | {
            "title": f"History of {row}",
            "opts": self.opts,
            "object": row,
            "media": self.media,
            "entries": [
                (entry, told_changes(entry.before, entry.after)) for entry in audit.history(row)
            ],
        }
        return TemplateResponse(request, "admin/history.html", context | (extra_context or {}))

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
