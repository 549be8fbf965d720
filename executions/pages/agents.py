"""`/agents/`: who can act, what makes them act, and what they did last."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from agents import actions, exposure, mcp_tools, tools
from agents.llm import providers
from agents.models import Agent, ModelProvider
from config.lib import audit, clock
from executions import launch, replay
from executions.gates import daily_limit, unsigned_share
from executions.models import AgentGate, Execution, Reason
from executions.pages import feed, subjects
from executions.pages.ground import PageRequest, action, back, page, show
from triggers import sources
from triggers.models import Trigger, TriggerStatus

PAGE = 50
LAST = 15
GATE_WORDS = {"daily_limit": "It reached its limit for the day and paused by itself."}


@page()
def agent_list(request: PageRequest) -> HttpResponse:
    visible = Q(triggers__is_builtin=False)
    rows = Agent.objects.filter(workspace=request.workspace).annotate(
        triggers_count=Count("triggers", filter=visible)
    )
    after = request.GET.get("after", "").replace("\0", "")[:200]
    found = list(rows.filter(name__gt=after).order_by("name").defer("instructions")[: PAGE + 1])
    more = found[PAGE - 1].name if len(found) > PAGE else None
    found = found[:PAGE]
    known = list(ModelProvider.objects.filter(workspace=request.workspace))
    exposures = exposure.warnings_of(found)
    for row in found:
        row.warning = exposures[row.pk]  # type: ignore[attr-defined]
        row.model_problem = providers.problem_of_agent(row, known)  # type: ignore[attr-defined]
    context = {
        "section": "agents",
        "agents": found,
        "after": after,
        "next": more,
        "new_agent_url": reverse("admin:agents_agent_add"),
    }
    return show(request, "agents", context)


@page()
def agent(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    found = _find(request, pk)
    rows = Execution.objects.filter(agent=found).select_related("event").order_by("-id")
    last = list(feed.light(rows).defer("event__payload")[:LAST])
    gate = AgentGate.objects.filter(pk=found.pk).first()
    context = {
        "section": "agents",
        "agent": found,
        "tools": list(tools.read(found.tools).values()),
        "server_tools": [one for one in found.tools if mcp_tools.is_of_server(one)],
        "tool_problem": tools.problem_of_agent(found),
        "model_problem": providers.problem_of_agent(found),
        "warning": exposure.warning_of(found),
        "steps": [_step(number, step) for number, step in enumerate(found.steps, start=1)],
        "triggers": [
            (t, _listens_to(t), _refused(t))
            for t in Trigger.objects.visible().filter(agent=found).select_related("schedule")[:50]
        ],
        "executions": last,
        "links": subjects.of_events([row.event for row in last], request.workspace),
        "skipped_today": (
            len(replay.plan_skipped(found).again)
            if gate and gate.pause_reason == Reason.DAILY_LIMIT
            else 0
        ),
        "share_used": _share_used(found, gate),
        "paused_because": GATE_WORDS.get(gate.pause_reason, "") if gate else "",
        "edit_url": reverse("admin:agents_agent_change", args=[found.pk]),
        "new_trigger_url": reverse("admin:triggers_trigger_add") + f"?agent={found.pk}",
    }
    return show(request, "agent", context)


def _share_used(agent: Agent, gate: AgentGate | None) -> str:
    """A sentence where senders whom nobody verified have used up their part of the agent's day."""
    share = unsigned_share.of_agent(agent)
    if gate is None or share is None:
        return ""
    gate.agent = agent
    unsigned = daily_limit.used(gate, clock.now()).unsigned
    return unsigned_share.note(agent) if 0 < share <= unsigned else ""


def _find(request: PageRequest, pk: uuid.UUID) -> Agent:
    return get_object_or_404(
        Agent.objects.select_related("workspace"), pk=pk, workspace=request.workspace
    )


def _step(number: int, step: Any) -> dict[str, Any]:
    name = str(step.get("action", "")) if isinstance(step, dict) else ""
    known = actions.registry.get(name) if name in actions.registry else None
    params = step.get("params", {}) if isinstance(step, dict) else {}
    return {"number": number, "label": known.label if known else name, "params": params}


def _listens_to(trigger: Trigger) -> str:
    return sources.describe(trigger)


def _refused(trigger: Trigger) -> int:
    """How many events it skipped since it stopped."""
    in_error = trigger.status == TriggerStatus.ERROR
    return len(replay.plan_refused(trigger).again) if in_error else 0


@action("write")
def activate(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    found = _find(request, pk)
    before = found.status
    try:
        launch.activate(found)
    except launch.CannotStart as error:
        messages.error(request, str(error))
    else:
        audit.record(
            request, "activate", found, before={"status": before}, after={"status": found.status}
        )
        messages.success(request, f"{found.name} is live.")
    return back(request, fallback=reverse("agent", args=[pk]))


@action("write")
def pause(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    found = _find(request, pk)
    before = found.status
    launch.pause(found)
    audit.record(request, "pause", found, before={"status": before}, after={"status": found.status})
    messages.success(
        request,
        f"{found.name} is paused. Events are still recorded, and answered with skipped runs.",
    )
    return back(request, fallback=reverse("agent", args=[pk]))


@action("run")
def run_now(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    found = _find(request, pk)
    execution = launch.run_now(found, inputs={}, actor=f"user:{request.user.pk}")
    audit.record(request, "run", found)
    return redirect("execution", pk=execution.pk)
