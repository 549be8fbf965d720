"""Who belongs to a workspace: invite, change the role, remove."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models, transaction
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminTextInputWidget

from crm import members
from crm.admin import roles
from crm.admin.actions import Done, ObjectAction
from crm.admin.base import ADMINISTERED, WorkspaceModelAdmin
from crm.admin.columns import column
from crm.admin.forms import WorkspaceModelForm
from crm.models import Membership, Role


class MemberForm(WorkspaceModelForm):
    """The role of a member. Only owners make owners."""

    request: HttpRequest

    def clean_role(self) -> str:
        role: str = self.cleaned_data["role"]
        if (
            Role.OWNER in (role, self.instance.role)
            and role != self.initial.get("role")
            and not self._is_owner()
        ):
            raise forms.ValidationError("Only an owner makes or changes an owner.")
        return role

    def _is_owner(self) -> bool:
        return self.workspace is not None and roles.has_role(
            self.request, Role.OWNER, workspace_id=self.workspace.pk
        )


class InvitationForm(MemberForm):
    email = forms.EmailField(
        widget=UnfoldAdminEmailInputWidget,
        help_text="They get an e-mail with a link to choose a password.",
    )
    first_name = forms.CharField(widget=UnfoldAdminTextInputWidget, max_length=150, required=False)
    last_name = forms.CharField(widget=UnfoldAdminTextInputWidget, max_length=150, required=False)

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if Membership.objects.filter(
            workspace=self.workspace, user__email__iexact=email, user__is_active=True
        ).exists():
            raise forms.ValidationError("This person is a member already.")
        return email

    def _get_validation_exclusions(self) -> set[str]:
        return super()._get_validation_exclusions() | {"user"}


def write_again(request: HttpRequest, membership: Membership, cleaned: dict[str, Any]) -> Done:
    transaction.on_commit(lambda: members.write_to(membership), robust=True)
    return Done(f"An e-mail is on its way to {membership.user.email}.")


@admin.register(Membership)
class MembershipAdmin(WorkspaceModelAdmin):
    needs = ADMINISTERED
    form = MemberForm
    list_display = ["user", "email", "role", "state", "last_seen"]
    list_select_related = ["user", "workspace"]
    list_filter = ["role"]
    search_fields = ["user__username", "user__email"]
    readonly_fields = ["user", "email", "state", "last_seen", "created_at"]
    object_actions = [
        ObjectAction(
            "invite", "Write to them again", write_again, role=Role.ADMIN, icon="forward_to_inbox"
        )
    ]

    @column("E-mail", ordering="user__email")
    def email(self, row: Membership) -> str:
        return row.user.email

    @column("State", label={"Joined": "success", "Invited": "info", "Closed": "danger"})
    def state(self, row: Membership) -> str:
        """Who was invited chooses a password first."""
        if not row.user.is_active:
            return "Closed"
        return "Joined" if row.user.has_usable_password() else "Invited"

    @column("Last login", ordering="user__last_login")
    def last_seen(self, row: Membership) -> Any:
        return row.user.last_login

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        return super().get_form(
            request, obj, change, **({} if obj else {"form": InvitationForm}) | kwargs
        )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (
            ["user", "email", "role", "state", "last_seen", "created_at"]
            if obj
            else ["email", "role", ("first_name", "last_name")]
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        needed = Role.OWNER if obj is not None and obj.role == Role.OWNER else Role.ADMIN
        return self.allows(request, needed, obj)

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        if change:
            members.change_role(obj, role=form.cleaned_data["role"])
            return
        chosen = {
            name: form.cleaned_data[name] for name in ("email", "role", "first_name", "last_name")
        }
        obj.__dict__.update(members.invite(obj.workspace, **chosen).__dict__)

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        members.remove(obj)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Membership]) -> None:
        for membership in queryset:
            members.remove(membership)
