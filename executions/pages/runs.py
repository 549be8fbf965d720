"""`/executions/`: every decision, and for each one why it was made and what it did."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect

from agents.models import Agent
from config.lib import audit
from crm.models import Contact, Opportunity, Workspace
from executions import launch, replay
from executions.models import Execution, Status
from executions.pages import feed, subjects, words
from executions.pages.ground import PageRequest, action, page, show, uuid_or_none

PAGE = 50
CHAIN = 6  # runs shown above one another; the loop guard allows no more
RELATED = 20
MATCHES = 50  # contacts, and deals, that a search looks at


@page()
def run_list(request: PageRequest) -> HttpResponse:
    asked = {
        name: request.GET.get(name, "").strip()[:100] for name in ("status", "agent", "q", "before")
    }
    rows = list(_filtered(request.workspace, asked)[: PAGE + 1])
    context = {
        "section": "executions",
        "executions": rows[:PAGE],
        "older": rows[PAGE - 1].pk if len(rows) > PAGE else None,
        "asked": asked,
        "is_filtered": any(asked[name] for name in ("status", "agent", "q")),
        "statuses": Status.choices,
        "agents": Agent.objects.filter(workspace=request.workspace).only("id", "name")[:200],
        "links": subjects.of_events([row.event for row in rows[:PAGE]], request.workspace),
    }
    return show(request, "runs", context)


def _filtered(workspace: Workspace, asked: dict[str, str]) -> QuerySet[Execution]:
    rows = Execution.objects.filter(workspace=workspace).order_by("-id").select_related("event")
    if asked["status"] in Status.values:
        rows = rows.filter(status=asked["status"])
    if agent_id := uuid_or_none(asked["agent"]):
        rows = rows.filter(agent_id=agent_id)
    if before := uuid_or_none(asked["before"]):
        rows = rows.filter(pk__lt=before)
    if asked["q"]:
        rows = rows.filter(
            event__workspace=workspace, event__subject__in=_subjects_like(workspace, asked["q"])
        )
    return feed.light(rows).defer("event__payload")


def _subjects_like(workspace: Workspace, text: str) -> list[str]:
    """The contacts of this name or address, and their deals, as events name them."""
    text = text.replace("\0", "")
    query = Q(email__icontains=text) | Q(company__icontains=text)
    for word in text.split()[:4]:
        query |= Q(first_name__icontains=word) | Q(last_name__icontains=word)
    contacts = list(
        Contact.objects.filter(query, workspace=workspace).values_list("pk", flat=True)[:MATCHES]
    )
    deals = Opportunity.objects.filter(
        Q(contact__in=contacts) | Q(name__icontains=text), workspace=workspace
    )
    deal_ids = deals.values_list("pk", flat=True)[:MATCHES]
    return [*(f"contact:{pk}" for pk in contacts), *(f"deal:{pk}" for pk in deal_ids)]


@page()
def run(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    execution = _find(request, pk)
    event = execution.event
    tree = execution.trigger.conditions if execution.trigger else None
    context = {
        "section": "executions",
        "execution": execution,
        "event": event,
        "event_said": feed.label(event.type),
        "links": subjects.of_events([event], request.workspace),
        "in_short": words.in_short(execution),
        "seen": words.conditions_seen(execution.trace, tree),
        "steps": execution.steps.order_by("number"),
        "causes": _causes(execution),
        "effects": _effects(execution),
        "siblings": _siblings(execution),
        "max_attempts": execution.agent.limit("max_attempts") if execution.agent else None,
        **_buttons(request, execution),
    }
    return show(request, "run", context)


def _find(request: PageRequest, pk: uuid.UUID) -> Execution:
    rows = Execution.objects.select_related("event", "trigger", "agent", "workspace")
    return get_object_or_404(rows, pk=pk, workspace=request.workspace)


def _buttons(request: PageRequest, execution: Execution) -> dict[str, bool]:
    return {
        "can_cancel": "run" in request.scopes
        and not execution.is_finished
        and not execution.cancel_requested,
        "can_replay": "replay" in request.scopes
        and execution.is_finished
        and execution.trigger_id is not None,
    }


def _causes(execution: Execution) -> list[Execution]:
    """The runs that led here, the first one first."""
    chain: list[Execution] = []
    parent_id = execution.event.parent_execution_id
    while parent_id and len(chain) < CHAIN:
        rows = Execution.objects.filter(workspace_id=execution.workspace_id).select_related("event")
        parent = feed.light(rows).defer("event__payload").filter(pk=parent_id).first()
        if parent is None:
            break
        chain.insert(0, parent)
        parent_id = parent.event.parent_execution_id
    return chain


def _effects(execution: Execution) -> list[Execution]:
    """The runs that this one's own changes led to. Uses index event_root."""
    rows = Execution.objects.filter(
        workspace_id=execution.workspace_id,
        event__root_id=execution.event.root_id,
        event__parent_execution_id=execution.pk,
    )
    return list(
        feed.light(rows.select_related("event")).defer("event__payload").order_by("id")[:RELATED]
    )


def _siblings(execution: Execution) -> list[Execution]:
    """The other runs of the same event at the same trigger: the original and its replays."""
    rows = Execution.objects.filter(event_id=execution.event_id, listener_id=execution.listener_id)
    same = list(feed.light(rows).order_by("replay_no")[:RELATED])
    return same if len(same) > 1 else []


@action("run")
def cancel(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    execution = _find(request, pk)
    if launch.cancel(execution):
        audit.record(request, "cancel", execution)
        messages.success(request, "Cancelled. A step that is at work now may still end.")
    else:
        messages.info(request, "There was nothing to cancel any more: it has ended.")
    return redirect("execution", pk=pk)


@action("replay")
def replay_run(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    execution = _find(request, pk)
    try:
        again = replay.replay(execution, actor=f"user:{request.user.pk}")
    except replay.CannotReplay as error:
        messages.error(request, f"This cannot be replayed: {error}")
        return redirect("execution", pk=pk)
    audit.record(request, "replay", again)
    messages.success(request, "Replayed: this is the new run.")
    return redirect("execution", pk=again.pk)
