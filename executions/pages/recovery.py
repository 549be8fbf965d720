"""What people do when something went wrong: decide about a run in doubt, replay runs and events, resume a full day.

A replay of many is a page first: what would run, what not, and what would be done again outside.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from agents.models import Agent
from config.lib import audit
from crm.models.workspace import display_name
from executions import approving, event_replay, launch, replay, resolving
from executions.models import Execution, Step
from executions.models.reason import label_of
from executions.pages import feed, happened, runs
from executions.pages.ground import PageRequest, action, back, page, show
from executions.replay import Plan, Replayed
from executions.resolving import Resolution
from triggers.models import Event, EventState, Trigger
from triggers.problems import InvalidTrigger

PREVIEW = 15  # runs named on the page that asks


@action("run")
def resolve(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    rows = Execution.objects.select_related("agent", "trigger")
    execution = get_object_or_404(rows, pk=pk, workspace=request.workspace)
    wanted = request.POST.get("decision", "")
    if wanted not in Resolution.values:
        messages.error(request, "Nothing was decided: choose one of the three.")
        return redirect("execution", pk=pk)
    try:
        with transaction.atomic():
            resolving.resolve(execution, Resolution(wanted), by=display_name(request.user))
            audit.record(request, "resolve", execution, after={"decision": wanted})
    except resolving.CannotResolve as refusal:
        messages.error(request, f"Nothing was decided: {refusal}")
    else:
        messages.success(request, f"Decided: {Resolution(wanted).label}.")
    return redirect("execution", pk=pk)


@action("run")
def approve(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """The proposed step happens, with the texts that the person changed in the form, or it does not. The same for an
    event of which a model is not sure.
    """
    rows = Execution.objects.select_related("agent", "trigger", "event")
    execution = get_object_or_404(rows, pk=pk, workspace=request.workspace)
    is_approval = request.POST.get("decision") == "approve"
    try:
        with transaction.atomic():
            decide = _decide_unsure if approving.is_unsure(execution) else _decide_step
            after = decide(request, execution, is_approval)
            verb = "approve" if is_approval else "reject"
            audit.record(request, verb, execution, after=after)
    except (approving.CannotDecide, resolving.CannotResolve) as refusal:
        messages.error(request, f"Nothing was decided: {refusal}")
    else:
        messages.success(request, "Approved." if is_approval else "Rejected.")
    return redirect("execution", pk=pk)


def _decide_step(request: PageRequest, execution: Execution, is_approval: bool) -> dict[str, Any]:
    step, by = approving.proposed(execution), display_name(request.user)
    if step is None:
        raise approving.CannotDecide("It does not wait for an approval any more.")
    if is_approval:
        approving.approve(execution, step.number, by=by, params=_edited(request, step))
    else:
        comment = request.POST.get("comment", "")[:1000]
        approving.reject(execution, step.number, by=by, comment=comment)
    return {"step": step.number}


def _decide_unsure(request: PageRequest, execution: Execution, is_approval: bool) -> dict[str, Any]:
    by = display_name(request.user)
    if is_approval:
        approving.accept(execution, by=by)
        return {"conditions": "met"}
    approving.refuse(execution, by=by, comment=request.POST.get("comment", "")[:1000])
    return {"conditions": "not met"}


def _edited(request: PageRequest, step: Step) -> dict[str, str]:
    """The texts of the step that stand in the form otherwise than they were proposed."""
    given = {name: request.POST.get(f"param-{name}") for name in step.request}
    return {
        name: text
        for name, text in given.items()
        if text is not None and text.replace("\r\n", "\n") != step.request[name]
    }


@page("replay", methods=("GET", "HEAD", "POST"))
def replay_runs(request: PageRequest) -> HttpResponse:
    """Of what a filter of the list finds. The same address says it and, posted, does it."""
    given = request.POST if request.method == "POST" else request.GET
    asked = {name: given.get(name, "").strip()[:100] for name in runs.FILTERS}
    fallback = reverse("executions")
    if not any(asked.values()):
        messages.info(request, "Narrow the list first, for example to failed runs, then replay.")
        return redirect(fallback)
    try:
        planned = replay.plan(runs.filtered(request.workspace, {**asked, "before": ""}).defer(None))
    except replay.TooMany as refusal:
        messages.error(request, str(refusal))
        return redirect(f"{fallback}?{_query(asked)}")
    if request.method != "POST":
        return _ask(
            request, planned, asked=asked, what="runs", back_url=f"{fallback}?{_query(asked)}"
        )
    with transaction.atomic():
        done = replay.carry_out(planned)
        _record(request, request.workspace, planned, done, {"filter": _given(asked)})
    _tell(request, done)
    return redirect(fallback)


@page("replay", methods=("GET", "HEAD", "POST"))
def replay_events(request: PageRequest) -> HttpResponse:
    """Of what a filter of the list of events finds."""
    given = request.POST if request.method == "POST" else request.GET
    asked = {name: given.get(name, "").strip()[:200] for name in happened.FILTERS}
    fallback = reverse("events")
    if not any(asked.values()):
        messages.info(request, "Narrow the list first, for example to dead events, then replay.")
        return redirect(fallback)
    rows = happened.filtered(request.workspace, asked)
    return _replay_events(request, rows, asked, f"{fallback}?{_query(asked)}")


@page("replay", methods=("GET", "HEAD", "POST"))
def replay_event(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    event = get_object_or_404(Event, pk=pk, workspace=request.workspace)
    if event.state == EventState.NEW:
        messages.info(request, "It has not been answered yet, so there is nothing to replay.")
        return redirect("event", pk=pk)
    return _replay_events(request, Event.objects.filter(pk=pk), {}, reverse("event", args=[pk]))


def _replay_events(
    request: PageRequest, rows: Any, asked: Mapping[str, str], back_url: str
) -> HttpResponse:
    try:
        planned = event_replay.plan(rows)
    except replay.TooMany as refusal:
        messages.error(request, str(refusal))
        return redirect(back_url)
    if request.method != "POST":
        return _ask(request, planned, asked=asked, what="events", back_url=back_url)
    with transaction.atomic():
        done = event_replay.carry_out(planned)
        one = None if asked else Event.objects.filter(pk=rows.first().pk).first()
        _record(request, one or request.workspace, planned, done, {"filter": _given(asked)})
    _tell(request, done)
    return redirect(back_url)


@action("replay")
def resume_agent(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """One click: the agent is live again, and what its full day skipped runs."""
    agent = get_object_or_404(Agent, pk=pk, workspace=request.workspace)
    before = agent.status
    try:
        with transaction.atomic():
            planned, done = replay.resume_and_replay(agent)
            told = {"status": agent.status, "replayed": replay.summary(planned, done)}
            audit.record(request, "activate", agent, before={"status": before}, after=told)
    except launch.CannotStart as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{agent.name} is live.")
        _tell(request, done)
    return back(request, fallback=reverse("agent", args=[pk]))


@action("write")
def resume_trigger(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """The trigger listens again; where asked for, what it skipped while it was in error runs."""
    rows = Trigger.objects.visible().select_related("agent", "workspace")
    trigger = get_object_or_404(rows, pk=pk, workspace=request.workspace)
    before, again = trigger.status, "replay" in request.POST and "replay" in request.scopes
    try:
        with transaction.atomic():
            told: dict[str, Any] = {}
            if again:
                planned, done = replay.resume_trigger(trigger)
                _tell(request, done)
                told = {"replayed": replay.summary(planned, done)}
            else:
                launch.resume(trigger)
            after = {"status": trigger.status, **told}
            audit.record(request, "enable", trigger, before={"status": before}, after=after)
    except InvalidTrigger as error:
        messages.error(request, f"{trigger.name} cannot listen: {error}")
    else:
        messages.success(request, f"{trigger.name} listens again.")
    return back(request, fallback=reverse("agent", args=[trigger.agent_id]))


def _ask(
    request: PageRequest, planned: Plan, *, asked: Mapping[str, str], what: str, back_url: str
) -> HttpResponse:
    context = {
        "section": "executions" if what == "runs" else "events",
        "planned": planned,
        "count": len(planned.again) + len(planned.revived),
        "what": what,
        "asked": _given(asked),
        "shown": [(one, feed.label(one.event.type)) for one in planned.again[:PREVIEW]],
        "more": max(0, len(planned.again) - PREVIEW),
        "back_url": back_url,
    }
    return show(request, "replay", context)


def _record(
    request: PageRequest, target: Any, planned: Plan, done: Replayed, why: dict[str, Any]
) -> None:
    audit.record(request, "replay", target, after={**why, **replay.summary(planned, done)})


def _tell(request: PageRequest, done: Replayed) -> None:
    messages.success(request, said(done))


def said(done: Replayed) -> str:
    """What became of a replay, in a sentence for the person who asked for it."""
    if not done.executions and not done.revived:
        return "There was nothing to replay."
    told = []
    if done.revived:
        dead = "dead event is" if done.revived == 1 else "dead events are"
        told.append(f"{done.revived:,} {dead} handed out again.")
    if done.executions:
        run = "runs" if done.queued == 1 else "run"
        told.append(f"Replayed {len(done.executions):,}: {done.queued:,} {run} as places are free.")
    for reason, count in done.skipped.items():
        told.append(
            f"{count:,} {'was' if count == 1 else 'were'} skipped: {label_of(reason).lower()}."
        )
    return " ".join(told)


def _given(asked: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in asked.items() if text}


def _query(asked: Mapping[str, str]) -> str:
    query = QueryDict(mutable=True)
    query.update(_given(asked))
    return query.urlencode()
