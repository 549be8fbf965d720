"""Buttons that do something to one row or to the selected rows.

unfold's own detail actions are links: a GET would change something, without a CSRF token. Here a GET shows a page
that asks, and only the POST acts; `static/admin/admin_actions.js` spares the page where nothing has to be asked.
One audit row per row acted on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin, helpers
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.enums import ActionVariant

from config.lib import audit
from crm.admin import roles
from crm.admin.audited import difference, snapshot
from crm.models import Role

MOST_ROWS = 1000


class Refused(Exception):
    """The action does not apply now; the message says why, to the person who pressed the button."""


@dataclass(frozen=True, slots=True)
class Done:
    """What happened, in a sentence. `url`: where to go now. `page`: an answer of the action's own.

    `after`: what the audit row shall tell where the row itself does not change. `recorded`: there is nothing to audit.
    """

    message: str
    after: dict[str, Any] | None = None
    url: str = ""
    page: HttpResponse | None = None
    recorded: bool = False


Perform = Callable[[HttpRequest, Any, dict[str, Any]], Done]


@dataclass(frozen=True, slots=True)
class ObjectAction:
    """`perform(request, row, cleaned form)` may raise Refused.

    `ask`: a question that must be confirmed. `form(row)`: makes the form class. `outside`: it waits for somebody
    outside, so it is performed before the transaction of its audit row begins, and changes no row. `before`: waits for
    somebody outside, ahead of that transaction; not where many rows are acted on.
    """

    name: str
    label: str
    perform: Perform
    role: Role = Role.EDITOR
    icon: str = "bolt"
    variant: ActionVariant = ActionVariant.DEFAULT
    ask: str = ""
    form: Callable[[Any], type[forms.Form]] | None = None
    shown: Callable[[Any], bool] = field(default=lambda _row: True)
    in_bulk: bool = True
    outside: bool = False
    before: Callable[[HttpRequest, Any], None] | None = None

    @property
    def at_once(self) -> bool:
        return not self.ask and self.form is None


class ActionsMixin(ModelAdmin[Any]):
    """Adds `object_actions` to a ModelAdmin: buttons on the row's page, entries in the list's menu."""

    object_actions: Sequence[ObjectAction] = ()

    def allows(self, request: HttpRequest, role: Role, row: Any) -> bool:
        raise NotImplementedError

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        mine = [
            path(
                f"<path:object_id>/do/{action.name}/",
                wrap(self._view_of(action)),
                name=f"{prefix}_{action.name}",
            )
            for action in self.object_actions
        ]
        return [*mine, *super().get_urls()]

    def _view_of(self, action: ObjectAction) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            row = self.get_object(request, unquote(object_id))
            if row is None:
                raise Http404
            if not self.allows(request, action.role, row):
                raise PermissionDenied
            return self._answer(request, action, row)

        return view

    def _answer(self, request: HttpRequest, action: ObjectAction, row: Any) -> HttpResponse:
        form = action.form(row)(request.POST or None) if action.form else None
        if request.method != "POST" or (form is not None and not form.is_valid()):
            return self._ask(request, action, row, form)
        if action.before:
            action.before(request, row)
        try:
            done = self._act(request, action, row, form.cleaned_data if form else {})
        except Refused as refusal:
            messages.error(request, str(refusal))
            return HttpResponseRedirect(self._url_of(row))
        if done.page is not None:
            return done.page
        messages.success(request, done.message)
        return HttpResponseRedirect(done.url or self._url_of(row))

    def _act(
        self, request: HttpRequest, action: ObjectAction, row: Any, cleaned: dict[str, Any]
    ) -> Done:
        """One transaction: the act and its audit row."""
        before = snapshot(row)
        waited = action.perform(request, row, cleaned) if action.outside else None
        with transaction.atomic():
            done = waited or action.perform(request, row, cleaned)
            if not done.recorded:
                fresh = type(row)._base_manager.filter(pk=row.pk).first()
                was, now = difference(before, snapshot(fresh)) if fresh else (before, {})
                audit.record(request, action.name, row, before=was, after=now | (done.after or {}))
        return done

    def _ask(
        self, request: HttpRequest, action: ObjectAction, row: Any, form: forms.Form | None
    ) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": action.label,
            "subtitle": str(row),
            "opts": self.opts,
            "action": action,
            "row": row,
            "form": form,
            "back_url": self._url_of(row),
            "media": self.media + form.media if form else self.media,
        }
        return TemplateResponse(request, "admin/ask_action.html", context)

    def _url_of(self, row: Any) -> str:
        return reverse(
            f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_change",
            args=[row.pk],
        )

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = kwargs.get("obj")
        context["actions_detail"] = [
            *context.get("actions_detail", []),
            *(self._buttons(request, row) if row else []),
        ]
        return super().render_change_form(request, context, *args, **kwargs)

    def _buttons(self, request: HttpRequest, row: Any) -> list[dict[str, Any]]:
        """In the shape that unfold's template draws."""
        return [
            {
                "title": action.label,
                "icon": action.icon,
                "variant": action.variant,
                "dialog": None,
                "attrs": {"data-post": "1"} if action.at_once else {},
                "path": f"{self._url_of(row).removesuffix('change/')}do/{action.name}/",
            }
            for action in self.object_actions
            if action.shown(row) and self.allows(request, action.role, row)
        ]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        offered: dict[str, Any] = super().get_actions(request)
        for action in self.object_actions:
            if action.in_bulk and action.form is None and roles.has_role(request, action.role):
                offered[action.name] = (
                    self._bulk_of(action),
                    action.name,
                    f"{action.label} the selected",
                )
        return offered

    def _bulk_of(self, action: ObjectAction) -> Callable[..., HttpResponse | None]:
        def act(
            _admin: Any, request: HttpRequest, queryset: models.QuerySet[Any]
        ) -> HttpResponse | None:
            rows = list(queryset[: MOST_ROWS + 1])
            if len(rows) > MOST_ROWS:
                messages.error(request, f"Choose at most {MOST_ROWS:,} at a time.")
                return None
            if action.ask and "confirmed" not in request.POST:
                return self._ask_bulk(request, action, rows)
            self._act_on_all(request, action, rows)
            return None

        return act

    def _act_on_all(self, request: HttpRequest, action: ObjectAction, rows: list[Any]) -> None:
        """Each row for itself: what is refused for one does not stop the others."""
        done, refusals = 0, []
        for row in rows:
            try:
                if not (self.allows(request, action.role, row) and action.shown(row)):
                    raise Refused("This does not apply to it.")
                with transaction.atomic():
                    self._act(request, action, row, {})
                done += 1
            except Refused as refusal:
                refusals.append(f"{row}: {refusal}")
        if done:
            messages.success(request, f"{action.label}: done for {done}.")
        if refusals:
            messages.warning(
                request, f"{action.label}: not done for {len(refusals)}. {' '.join(refusals[:3])}"
            )

    def _ask_bulk(
        self, request: HttpRequest, action: ObjectAction, rows: list[Any]
    ) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": action.label,
            "opts": self.opts,
            "action": action,
            "rows": rows,
            "media": self.media,
            "checkbox_name": helpers.ACTION_CHECKBOX_NAME,
            "select_across": request.POST.get("select_across", "0"),
        }
        return TemplateResponse(request, "admin/ask_bulk_action.html", context)
