"""Names for what events point at: the `subject` and `actor` of many events, looked up in one query per kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model, Q
from django.urls import reverse

from agents.models import Agent
from crm.models import Contact, Form, Opportunity, Workspace
from crm.models.workspace import display_name
from executions.pages.ground import uuid_or_none
from triggers.models import Event

_MODELS: dict[str, type[Model]] = {
    "contact": Contact,
    "deal": Opportunity,
    "form": Form,
    "agent": Agent,
}
MATCHES = 50  # contacts, and deals, that a search looks at
_PAGES = {"contact": "contact", "deal": "deal", "agent": "agent"}


@dataclass(frozen=True, slots=True)
class Link:
    """`url` is empty where there is no page, or the record is gone."""

    kind: str
    name: str
    url: str = ""


def of_events(events: Iterable[Event], workspace: Workspace) -> dict[str, Link]:
    """A Link for each `subject` and `actor` of the events, by that text."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for event in events:
        for text in (event.subject, event.actor):
            kind, _, key = text.partition(":")
            if key:
                wanted[kind].add(key)
    links: dict[str, Link] = {}
    for kind, keys in wanted.items():
        links.update({f"{kind}:{key}": Link(kind, f"a {kind}") for key in keys})
        links.update(_users(keys, workspace) if kind == "user" else _records(kind, keys, workspace))
    return links


def like(text: str, **where: Any) -> list[str]:
    """The contacts of this name or address and their deals, as events name them.

    `where` keeps both within workspaces: `workspace=acme`, or `workspace__in=[...]`.
    """
    text = text.replace("\0", "")
    query = Q(email__icontains=text) | Q(company__icontains=text)
    for word in text.split()[:4]:
        query |= Q(first_name__icontains=word) | Q(last_name__icontains=word)
    contacts = list(Contact.objects.filter(query, **where).values_list("pk", flat=True)[:MATCHES])
    deals = Opportunity.objects.filter(Q(contact__in=contacts) | Q(name__icontains=text), **where)
    deal_ids = deals.values_list("pk", flat=True)[:MATCHES]
    return [*(f"contact:{pk}" for pk in contacts), *(f"deal:{pk}" for pk in deal_ids)]


def _records(kind: str, keys: set[str], workspace: Workspace) -> dict[str, Link]:
    model: Any = _MODELS.get(kind)
    if model is None:
        return {}
    ids = [pk for key in keys if (pk := uuid_or_none(key))]
    return {
        f"{kind}:{row.pk}": Link(
            kind, str(row), reverse(_PAGES[kind], args=[row.pk]) if kind in _PAGES else ""
        )
        for row in model.objects.filter(workspace=workspace, pk__in=ids)
    }


def _users(keys: set[str], workspace: Workspace) -> dict[str, Link]:
    ids = [int(key) for key in keys if key.isdigit()]
    people = User.objects.filter(pk__in=ids, memberships__workspace=workspace)
    return {f"user:{user.pk}": Link("user", display_name(user)) for user in people}
