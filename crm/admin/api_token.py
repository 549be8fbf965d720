"""API tokens in the admin: made, shown once, revoked."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from config.lib import clock
from crm import tokens
from crm.admin.actions import Done, ObjectAction, Refused
from crm.admin.base import ADMINISTERED, WorkspaceModelAdmin
from crm.admin.columns import column
from crm.admin.forms import WorkspaceModelForm
from crm.models import SCOPES, ApiToken, Role

_EXPLAINED = {
    "read": "see everything",
    "write": "change contacts, deals, agents, triggers",
    "run": "run agents and emit events",
    "replay": "run past executions again",
    "secrets": "see webhook addresses in full",
    "admin": "manage members and tokens",
}


class ApiTokenForm(WorkspaceModelForm):
    scopes = forms.MultipleChoiceField(
        choices=[(scope, f"{scope}: {_EXPLAINED[scope]}") for scope in SCOPES],
        initial=["read"],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="A token never does more than its owner's role allows.",
    )

    def clean_expires_at(self) -> Any:
        expires_at = self.cleaned_data.get("expires_at")
        if expires_at and expires_at <= clock.now():
            raise forms.ValidationError("This moment has passed.")
        return expires_at


def revoke(request: HttpRequest, token: ApiToken, cleaned: dict[str, Any]) -> Done:
    if not tokens.revoke(token):
        raise Refused("It was revoked already.")
    return Done(f"{token} opens nothing any more.")


@admin.register(ApiToken)
class ApiTokenAdmin(WorkspaceModelAdmin):
    needs = {**ADMINISTERED, "change": None, "delete": None}
    form = ApiTokenForm
    list_display = ["__str__", "user", "scope_list", "state", "last_used_at", "expires_at"]
    list_select_related = ["user", "workspace"]
    search_fields = ["name", "last4"]
    object_actions = [
        ObjectAction(
            "revoke",
            "Revoke",
            revoke,
            icon="key_off",
            shown=lambda token: token.revoked_at is None,
            role=Role.ADMIN,
            ask="Programs that use this token lose their access at once. This cannot be undone.",
        )
    ]

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        return (
            ["name", "scope_list", "user", "state", "created_at", "last_used_at", "expires_at"]
            if obj
            else ["name", "scopes", "expires_at"]
        )

    def get_queryset(self, request: HttpRequest) -> Any:
        """With the database's time, once for the page."""
        return super().get_queryset(request).annotate(now=Now())

    @column("Scopes")
    def scope_list(self, row: ApiToken) -> str:
        return ", ".join(row.scopes)

    @column("State", label={"Usable": "success", "Revoked": "danger", "Expired": "warning"})
    def state(self, row: ApiToken) -> str:
        if row.revoked_at:
            return "Revoked"
        return "Usable" if row.is_usable(cast("Any", row).now) else "Expired"

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        chosen = form.cleaned_data
        token, secret = tokens.issue(
            obj.workspace,
            user=cast("User", request.user),
            name=obj.name,
            scopes=chosen["scopes"],
            expires_at=chosen["expires_at"],
        )
        obj.__dict__.update(token.__dict__)
        request.new_secret = secret  # type: ignore[attr-defined]  # for the one page that shows it

    def response_add(
        self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The secret is in this answer and nowhere else: not in a message, which would be stored, nor in a log."""
        context = self.admin_site.each_context(request) | {
            "title": "Your new token",
            "opts": self.opts,
            "token": obj,
            "secret": request.new_secret,  # type: ignore[attr-defined]
        }
        return TemplateResponse(
            request, "admin/token_created.html", context, headers={"Cache-Control": "no-store"}
        )
