"""Small buttons that stand on many pages: choose a workspace, pause everything, put an alert away."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from config.lib import audit, clock, wake
from crm import access
from crm.models import Membership, Workspace
from executions import alerts, live
from executions.models import Alert
from executions.pages.ground import PageRequest, action, back


@action("read")
def switch_workspace(request: PageRequest) -> HttpResponse:
    slug = request.POST.get("workspace", "")[:50]
    if not Membership.objects.filter(user=request.user, workspace__slug=slug).exists():
        raise Http404
    request.session[access.SESSION_KEY] = slug
    return redirect("dashboard")


@action("write")
def pause_everything(request: PageRequest) -> HttpResponse:
    paused = request.POST.get("paused") == "on"
    with transaction.atomic():
        workspace = Workspace.objects.select_for_update().get(pk=request.workspace.pk)
        if workspace.paused != paused:
            workspace.paused = paused
            workspace.save(update_fields=["paused", "updated_at"])
            audit.record(
                request, "pause" if paused else "resume", workspace,
                before={"paused": not paused}, after={"paused": paused},
            )  # fmt: skip
            live.push(workspace.pk, live.workspace_changed(workspace))
            if not paused:
                wake.workers()
    if paused:
        messages.warning(request, "Everything is paused: events are recorded, nothing starts.")
    else:
        messages.success(request, "Agents run again, and what waited starts now.")
    return back(request, fallback="/")


@action("write")
def see_alert(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    alert = _alert(request, pk)
    mine = Alert.objects.filter(pk=pk)
    with transaction.atomic():
        alerts.see(mine, user_id=request.user.pk, now=clock.now())
        audit.record(request, "see", alert)
    return back(request, fallback="/")


def _alert(request: PageRequest, pk: uuid.UUID) -> Alert:
    return get_object_or_404(Alert.objects.shown_to(request.user, within=request.workspace), pk=pk)


@action("write")
def resolve_alert(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    alert = _alert(request, pk)
    mine = Alert.objects.filter(pk=pk)
    with transaction.atomic():
        alerts.resolve(mine, user_id=request.user.pk, now=clock.now())
        audit.record(request, "resolve", alert)
    return back(request, fallback="/")
