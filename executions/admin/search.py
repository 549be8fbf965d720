"""Finding runs and events by whom they are about."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from crm.admin import roles
from executions.pages import subjects


def as_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text.strip())
    except ValueError:
        return None


def narrowed(
    request: HttpRequest, queryset: Any, text: str, *, subject: str, ids: tuple[str, ...]
) -> Any:
    """The rows about whom the text names; an id finds its row. `subject` and `ids` are paths from the row."""
    if not text.strip():
        return queryset
    if (pk := as_uuid(text)) is not None:
        by_id = Q()
        for path in ids:
            by_id |= Q(**{path: pk})
        return queryset.filter(by_id | Q(**{f"{subject}__in": [f"contact:{pk}", f"deal:{pk}"]}))
    found = subjects.like(text.strip()[:100], **roles.in_workspaces(request, "workspace"))
    return queryset.filter(**{f"{subject}__in": found})
