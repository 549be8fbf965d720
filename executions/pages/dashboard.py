"""`/`: what happens now."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse

from agents.models import Agent
from config.lib import clock
from crm.models import Form, Workspace
from executions.models import Alert
from executions.pages import feed, figures
from executions.pages.ground import PageRequest, page, show

FEED = 25
ALERTS = 5


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
        "happenings": feed.newest(workspace, limit=FEED),
        "alerts": Alert.objects.filter(workspace=workspace, seen_at=None)[:ALERTS],
        "dispatching": settings.TRIGGERS_ENABLED,
        **_first_steps(workspace),
    }
    return show(request, "dashboard", context)


def _first_steps(workspace: Workspace) -> dict[str, Any]:
    """What a newcomer can do next: fill in a form, or make an agent."""
    form = Form.objects.filter(workspace=workspace, is_open=True).order_by("created_at").first()
    return {
        "form_url": f"/forms/{form.public_id}/" if form else "",
        "has_agents": Agent.objects.filter(workspace=workspace).exists(),
        "new_agent_url": reverse("admin:agents_agent_add"),
    }
