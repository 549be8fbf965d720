"""`/executions/`: every decision, and for each one why it was made and what it did."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect

from agents.models import Agent
from config.lib import audit
from crm.models import Workspace
from executions import approving, launch, replay, waiting
from executions.models import Execution, Judgement, Status, Verdict
from executions.models.reason import labels
from executions.pages import chain, doubt, feed, figures, subjects, words
from executions.pages.ground import PageRequest, action, page, show, uuid_or_none

PAGE = 50
FILTERS = ("status", "reason", "agent", "q")
RELATED = 20


@page()
def run_list(request: PageRequest) -> HttpResponse:
    asked = {name: request.GET.get(name, "").strip()[:100] for name in (*FILTERS, "before")}
    rows = list(filtered(request.workspace, asked)[: PAGE + 1])
    context = {
        "section": "executions",
        "executions": rows[:PAGE],
        "older": rows[PAGE - 1].pk if len(rows) > PAGE else None,
        "asked": asked,
        "is_filtered": any(asked[name] for name in FILTERS),
        "waiting": figures.waiting_for_people(request.workspace),
        "statuses": Status.choices,
        "agents": Agent.objects.filter(workspace=request.workspace).only("id", "name")[:200],
        "links": subjects.of_events([row.event for row in rows[:PAGE]], request.workspace),
    }
    return show(request, "runs", context)


def filtered(workspace: Workspace, asked: dict[str, str]) -> QuerySet[Execution]:
    rows = Execution.objects.filter(workspace=workspace).order_by("-id").select_related("event")
    if asked["status"] in Status.values:
        rows = rows.filter(status=asked["status"])
    if asked["reason"] in labels():
        rows = rows.filter(reason=asked["reason"])
    if agent_id := uuid_or_none(asked["agent"]):
        rows = rows.filter(agent_id=agent_id)
    if before := uuid_or_none(asked["before"]):
        rows = rows.filter(pk__lt=before)
    if asked["q"]:
        found = subjects.like(asked["q"], workspace=workspace)
        rows = rows.filter(event__workspace=workspace, event__subject__in=found)
    return feed.light(rows).defer("event__payload")


@page()
def run(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    execution = _find(request, pk)
    event = execution.event
    tree = execution.trigger.conditions if execution.trigger else None
    drawn = chain.of(event, request.workspace, run=execution)
    context = {
        "section": "executions",
        "execution": execution,
        "event": event,
        "event_said": feed.label(event.type),
        "links": subjects.of_events([event], request.workspace),
        "in_short": waiting.why(execution) or words.in_short(execution),
        "seen": words.conditions_seen(execution.trace, tree),
        "steps": execution.steps.order_by("number"),
        "chain": drawn,
        "here": execution.pk,
        "cause": drawn.cause_of(event),
        "siblings": _siblings(execution),
        "doubt": doubt.of(execution),
        "proposed": approving.proposed(execution),
        "unsure": approving.is_unsure(execution),
        "judged": asked_of(execution),
        "max_attempts": execution.agent.limit("max_attempts") if execution.agent else None,
        **_buttons(request, execution),
    }
    return show(request, "run", context)


def asked_of(execution: Execution) -> list[dict[str, Any]]:
    """What a model was asked about its conditions; one query where one was."""
    if execution.verdict == Verdict.NONE_NEEDED:
        return []
    judgement = Judgement.objects.filter(pk=execution.pk).first()
    return judgement.asked if judgement else []


def _find(request: PageRequest, pk: uuid.UUID) -> Execution:
    rows = Execution.objects.select_related("event", "trigger", "agent", "workspace")
    return get_object_or_404(rows, pk=pk, workspace=request.workspace)


def _buttons(request: PageRequest, execution: Execution) -> dict[str, bool]:
    return {
        "can_cancel": "run" in request.scopes
        and not execution.is_finished
        and execution.status != Status.INTERRUPTED  # that is one of the decisions
        and not execution.cancel_requested,
        "can_replay": "replay" in request.scopes
        and execution.is_finished
        and execution.trigger_id is not None
        and not execution.bodies_deleted,
    }


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
        again = replay.replay(execution)
    except replay.CannotReplay as error:
        messages.error(request, f"This cannot be replayed: {error}")
        return redirect("execution", pk=pk)
    audit.record(request, "replay", again)
    messages.success(request, "Replayed: this is the new run.")
    return redirect("execution", pk=again.pk)
