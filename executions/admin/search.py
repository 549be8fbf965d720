"""Finding runs and events by whom they are about."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from crm.admin import roles
from crm.models import Contact, Opportunity

MATCHES = 50  # contacts, and deals, that a search looks at


def as_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text.strip())
    except ValueError:
        return None


def subjects_like(request: HttpRequest, text: str) -> list[str]:
    """The contacts of this name or address in the person's own workspaces, and their deals, as events name them."""
    mine = roles.in_workspaces(request, "workspace")
    query = Q(email__icontains=text) | Q(company__icontains=text)
    for word in text.split()[:4]:
        query |= Q(first_name__icontains=word) | Q(last_name__icontains=word)
    contacts = list(Contact.objects.filter(query, **mine).values_list("pk", flat=True)[:MATCHES])
    deals = Opportunity.objects.filter(Q(contact__in=contacts) | Q(name__icontains=text), **mine)
    return [f"contact:{pk}" for pk in contacts] + [
        f"deal:{pk}" for pk in deals.values_list("pk", flat=True)[:MATCHES]
    ]


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
    return queryset.filter(**{f"{subject}__in": subjects_like(request, text.strip()[:100])})
