"""Replays in the admin: of one event, and of many rows behind a page that says what it would do, and asks first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.widgets import UnfoldBooleanWidget

from config.lib import audit
from crm.admin import roles
from crm.admin.actions import MOST_ROWS, Done, ObjectAction, Refused
from crm.models import Role, Workspace
from executions import event_replay
from executions import replay as replaying
from executions.admin.words import action_label
from executions.pages import recovery
from executions.pages.ground import uuid_or_none
from executions.replay import Plan, Replayed
from triggers.models import Event, EventState

Planner = Callable[[models.QuerySet[Any]], Plan]
CarryOut = Callable[[Plan], Replayed]


def replay_event(request: HttpRequest, event: Event, cleaned: dict[str, Any]) -> Done:
    try:
        planned = event_replay.plan(Event.objects.filter(pk=event.pk))
    except replaying.TooMany as error:
        raise Refused(str(error)) from None
    if not (planned.again or planned.revived):
        raise Refused("There is nothing to replay: nobody listens, or what it said was deleted.")
    done = event_replay.carry_out(planned)
    return Done(recovery.said(done), after=replaying.summary(planned, done))


def event_form(event: Event) -> type[forms.Form]:
    """Says what a replay would do, and asks for a yes."""
    try:
        planned = event_replay.plan(Event.objects.filter(pk=event.pk))
    except replaying.TooMany as error:
        said = str(error)
    else:
        said = " ".join(plan_said(planned))

    class Sure(forms.Form):
        sure = forms.BooleanField(
            label="Replay it", initial=True, help_text=said, widget=UnfoldBooleanWidget
        )

    return Sure


REPLAY_EVENT = ObjectAction(
    "replay",
    "Replay",
    replay_event,
    icon="replay",
    form=event_form,
    shown=lambda event: event.state != EventState.NEW,
)


def plan_said(planned: Plan) -> list[str]:
    """What a replay would do, sentence by sentence."""
    told = []
    if planned.revived:
        told.append(
            f"{_many(len(planned.revived), 'dead event is', 'dead events are')} handed to all triggers that listen."
        )
    told.append(
        f"{_many(len(planned.again), 'run is', 'runs are')} made; every limit is asked again."
    )
    for kind, number in planned.repeats.items():
        told.append(f"Done again outside: {action_label(kind)}, {_many(number, 'time', 'times')}.")
    told += [f"{number:,} left out: {why}." for why, number in planned.left_out.items()]
    return told


def _many(number: int, one: str, more: str) -> str:
    return f"{number:,} {one if number == 1 else more}"


class ReplaysMany(admin.ModelAdmin[Any]):
    """Adds "Replay the selected": a page says what it would do, then all of it is one audit row."""

    plan_replay: Planner
    plan_found: Planner  # leaves out what was replayed already
    carry_out_replay: CarryOut

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        offered: dict[str, Any] = super().get_actions(request)
        if roles.has_role(request, Role.EDITOR):
            offered["replay_selected"] = (
                type(self)._replay_selected,
                "replay_selected",
                "Replay the selected",
            )
        return offered

    def _replay_selected(
        self, request: HttpRequest, queryset: models.QuerySet[Any]
    ) -> HttpResponse | None:
        rows = list(queryset[: MOST_ROWS + 1])
        where = {row.workspace_id: row.workspace for row in rows}
        if len(rows) > MOST_ROWS or len(where) > 1:
            messages.error(request, f"Choose at most {MOST_ROWS:,}, of one workspace.")
            return None
        if not all(roles.has_role(request, Role.EDITOR, workspace_id=pk) for pk in where):
            messages.error(request, "Your role in this workspace does not allow this.")
            return None
        try:
            planned = self.plan_replay(
                self.model._default_manager.filter(pk__in=[r.pk for r in rows])
            )
        except replaying.TooMany as error:
            messages.error(request, str(error))
            return None
        if "confirmed" not in request.POST:
            return self._ask_replay(request, rows, planned)
        with transaction.atomic():
            done = self.carry_out_replay(planned)
            after = {"ids": [str(row.pk) for row in rows], **replaying.summary(planned, done)}
            audit.record(request, "replay", next(iter(where.values())), after=after)
        messages.success(request, recovery.said(done))
        return None

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Offers to replay what a filter finds; not the whole history."""
        told = {}
        if _is_narrowed(request) and roles.has_role(request, Role.EDITOR):
            told["replay_found_url"] = f"replay-found/?{request.GET.urlencode()}"
        return super().changelist_view(request, told | (extra_context or {}))

    def get_urls(self) -> list[Any]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_replay_found"
        found = self.admin_site.admin_view(self._replay_found)
        return [path("replay-found/", found, name=name), *super().get_urls()]

    def _replay_found(self, request: HttpRequest) -> HttpResponse:
        """What the list's filter, in the address, finds up to the newest row that the page that asks knew."""
        listed = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        back = f"{listed}?{request.GET.urlencode()}"
        try:
            planned, where, newest = self._plan_found(request)
        except (Refused, replaying.TooMany) as refusal:
            messages.error(request, str(refusal))
            return redirect(back)
        if request.method != "POST":
            context = {"newest": newest, "back_url": back, "found": planned.matched}
            return self._ask_replay(request, [], planned, **context)
        with transaction.atomic():
            done = self.carry_out_replay(planned)
            after = {"filter": request.GET.dict(), **replaying.summary(planned, done)}
            audit.record(request, "replay", where, after=after)
        messages.success(request, recovery.said(done))
        return redirect(listed)

    def _plan_found(self, request: HttpRequest) -> tuple[Plan, Workspace, str]:
        """The plan, its workspace, and the id of the newest row found. Raises Refused, TooMany."""
        if not _is_narrowed(request):
            raise Refused("Narrow the list first, for example to failed runs, then replay.")
        rows = self.get_changelist_instance(request).get_queryset(request).order_by()
        newest = uuid_or_none(request.POST.get("newest"))
        if newest is not None:
            rows = rows.filter(pk__lte=newest)
        where = list(Workspace.objects.filter(pk__in=rows.values("workspace"))[:2])
        if len(where) != 1:
            raise Refused("Narrow the list to one workspace." if where else "It finds nothing.")
        if not roles.has_role(request, Role.EDITOR, workspace_id=where[0].pk):
            raise Refused("Your role in this workspace does not allow this.")
        last = rows.order_by("-pk").values_list("pk", flat=True).first()
        mine = self.model._default_manager.filter(pk__in=rows.values("pk"))
        return self.plan_found(mine), where[0], str(last)

    def _ask_replay(
        self, request: HttpRequest, rows: list[Any], planned: Plan, **more: Any
    ) -> TemplateResponse:
        context = self.admin_site.each_context(request) | {
            "title": "Replay",
            "opts": self.opts,
            "said": plan_said(planned),
            "action": {"label": "Replay", "name": "replay_selected"},
            "rows": rows,
            "media": self.media,
            "checkbox_name": helpers.ACTION_CHECKBOX_NAME,
            "select_across": request.POST.get("select_across", "0"),
            **more,
        }
        return TemplateResponse(request, "admin/ask_bulk_action.html", context)


def _is_narrowed(request: HttpRequest) -> bool:
    return any(text for name, text in request.GET.items() if name not in {"o", "p", "all", "e"})
