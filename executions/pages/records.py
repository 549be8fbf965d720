"""`/contacts/<id>/` and `/deals/<id>/`: all that happened to one person or one deal, newest first."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from crm.models import Contact, FormSubmission, Note, Opportunity, Task, Workspace
from executions.pages import feed
from executions.pages.ground import PageRequest, page, show
from triggers.models import Event

SHOWN = 50  # of each kind
DEALS = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the history. `kind` is `event`, `note`, `task` or `submission`; `row` what it is about."""

    at: dt.datetime
    kind: str
    row: Any


@page()
def contact(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    person = get_object_or_404(Contact, pk=pk, workspace=request.workspace)
    deals = list(person.opportunities.order_by("-created_at")[:DEALS])
    about = Q(contact=person) | Q(opportunity__in=deals)
    names = [f"contact:{person.pk}", *(f"deal:{deal.pk}" for deal in deals)]
    submissions = FormSubmission.objects.filter(contact=person).select_related("form")
    entries = [
        *_history(request.workspace, subjects=names, about=about),
        *(Entry(s.submitted_at, "submission", s) for s in submissions[:SHOWN]),
    ]
    context = {"section": "", "contact": person, "deals": deals, "entries": _newest_first(entries)}
    return show(request, "contact", context)


@page()
def deal(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(
        Opportunity.objects.select_related("contact"), pk=pk, workspace=request.workspace
    )
    entries = _history(request.workspace, subjects=[f"deal:{found.pk}"], about=Q(opportunity=found))
    return show(request, "deal", {"section": "", "deal": found, "entries": _newest_first(entries)})


def _history(workspace: Workspace, *, subjects: list[str], about: Q) -> list[Entry]:
    events = Event.objects.filter(workspace=workspace, subject__in=subjects).order_by("-id")[:SHOWN]
    notes = Note.objects.filter(about, workspace=workspace).select_related("opportunity", "owner")
    tasks = Task.objects.filter(about, workspace=workspace).select_related("opportunity", "owner")
    return [
        *(Entry(h.event.occurred_at, "event", h) for h in feed.happenings(events, workspace)),
        *(Entry(note.created_at, "note", note) for note in notes[:SHOWN]),
        *(Entry(task.created_at, "task", task) for task in tasks[:SHOWN]),
    ]


def _newest_first(entries: list[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: entry.at, reverse=True)
