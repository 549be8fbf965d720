"""`/`: what happens now."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse

from agents.models import Agent
from config.lib import clock
from crm.models import Form, Workspace
from executions import canary
from executions.models import Alert, Status
from executions.pages import feed, figures, thinking
from executions.pages.ground import PageRequest, page, show

FEED = 25
ALERTS = 5
MOST_ALERTS = 200
PEOPLE_DECIDE = {Status.INTERRUPTED, Status.WAITING_APPROVAL}


@page()
def dashboard(request: PageRequest) -> HttpResponse:
    workspace = request.workspace
    now = clock.now()
    counts = figures.status_counts(workspace, now=now)
    chart = figures.last_hour(workspace, now=now)
    context = {
        "section": "dashboard",
        "counts": counts,
        "is_newcomer": not any(count.number for count in counts),
        "chart": chart,
        "thinking": thinking.card(workspace, now=now),
        "happenings": feed.newest(workspace, limit=FEED),
        **_alerts(request, everything="alerts" in request.GET),
        "waiting": {
            count.status: count.number
            for count in counts
            if count.status in PEOPLE_DECIDE and count.number
        },
        "dead": figures.dead_events(workspace),
        "dispatching": settings.TRIGGERS_ENABLED,
        "lag": max(canary.states(), key=lambda one: one.lag, default=None)
        if canary.is_on()
        else None,
        **_first_steps(workspace),
    }
    return show(request, "dashboard", context)


def _alerts(request: PageRequest, *, everything: bool) -> dict[str, Any]:
    """The newest open ones, and how many more there are. Uses index alert_open."""
    mine = Alert.objects.shown_to(request.user, within=request.workspace)
    mine = mine.filter(resolved_at=None).order_by("-id")
    most = MOST_ALERTS if everything else ALERTS
    found = list(mine[: most + 1])
    more = mine.count() - most if len(found) > most else 0
    return {"alerts": found[:most], "more_alerts": more, "every_alert": everything}


def _first_steps(workspace: Workspace) -> dict[str, Any]:
    """What a newcomer can do next: fill in a form, or make an agent."""
    form = Form.objects.filter(workspace=workspace, is_open=True).order_by("created_at").first()
    return {
        "form_url": f"/forms/{form.public_id}/" if form else "",
        "has_agents": Agent.objects.filter(workspace=workspace).exists(),
        "new_agent_url": reverse("admin:agents_agent_add"),
        "describe_url": reverse("admin:triggers_trigger_describe"),
    }
