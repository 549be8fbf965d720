"""`/events/`: what happened, and for each event who listened, who ran, who did not, and why not."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from crm.models import Workspace
from executions.models import Execution
from executions.pages import chain, feed, figures, subjects, words
from executions.pages.ground import PageRequest, page, show, uuid_or_none
from triggers.models import Event, EventState

PAGE = 40
FILTERS = ("state", "type")
LISTENERS = 200


@page()
def event_list(request: PageRequest) -> HttpResponse:
    asked = {name: request.GET.get(name, "").strip()[:200] for name in (*FILTERS, "before")}
    events = filtered(request.workspace, asked).order_by("-id")
    if before := uuid_or_none(asked["before"]):
        events = events.filter(pk__lt=before)
    found = feed.happenings(events[: PAGE + 1], request.workspace)
    context = {
        "section": "events",
        "happenings": found[:PAGE],
        "older": found[PAGE - 1].event.pk if len(found) > PAGE else None,
        "asked": asked,
        "types": _types_seen(request),
        "dead": figures.dead_events(request.workspace),
    }
    return show(request, "events", context)


def filtered(workspace: Workspace, asked: Mapping[str, str]) -> QuerySet[Event]:
    events = Event.objects.filter(workspace=workspace)
    if asked["type"]:
        events = events.filter(type=asked["type"].replace("\0", ""))
    if asked["state"] in EventState.values:
        events = events.filter(state=asked["state"])
    return events


def _types_seen(request: PageRequest) -> list[tuple[str, str]]:
    """(name, label) of what happened lately, for the filter."""
    newest = (
        Event.objects.filter(workspace=request.workspace)
        .order_by("-id")
        .values_list("type", flat=True)
    )
    names = {*newest[:500], *([asked] if (asked := request.GET.get("type", "")[:200]) else [])}
    return sorted(((name, feed.label(name)) for name in names), key=lambda pair: pair[1].lower())


@page()
def event(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Event, pk=pk, workspace=request.workspace)
    rows = Execution.objects.filter(event=found).select_related("workspace").order_by("id")
    executions = list(rows.defer("inputs", "output", "usage", "at_failure")[:LISTENERS])
    drawn = chain.of(found, request.workspace)
    context = {
        "section": "events",
        "event": found,
        "event_said": feed.label(found.type),
        "links": subjects.of_events([found], request.workspace),
        "answers": [
            {
                "execution": execution,
                "in_short": words.in_short(execution),
                "missed": missed(execution),
            }
            for execution in executions
        ],
        "chain": drawn,
        "here": found.pk,
        "cause": drawn.cause_of(found),
    }
    return show(request, "event", context)


def missed(execution: Execution) -> list[dict[str, object]]:
    """The conditions that were not met, for a skipped run: the shortest answer to "why not"."""
    if execution.status != "skipped":
        return []
    return [leaf for leaf in execution.trace if leaf.get("met") is not True][:5]
