"""The base of every admin whose rows belong to a workspace.

What Django asks its permission tables, this asks the memberships. Another workspace's row does not exist here: not in
lists, not by its address, not as a choice in a form.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NoReturn, cast

from django.contrib import messages
from django.contrib.admin import RelatedFieldListFilter, helpers
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminExpandableTextareaWidget

from crm.admin import roles
from crm.admin.actions import ActionsMixin
from crm.admin.asking import AskingMixin
from crm.admin.audited import AuditedAdmin, changed_columns
from crm.admin.forms import SearchWidget, WorkspaceModelForm, rows_within
from crm.models import Role, Workspace

READ_ONLY: Mapping[str, Role | None] = {
    "view": Role.VIEWER,
    "add": None,
    "change": None,
    "delete": None,
}
EDITABLE: Mapping[str, Role | None] = {
    "view": Role.VIEWER,
    "add": Role.EDITOR,
    "change": Role.EDITOR,
    "delete": Role.EDITOR,
}
ADMINISTERED: Mapping[str, Role | None] = {
    "view": Role.ADMIN,
    "add": Role.ADMIN,
    "change": Role.ADMIN,
    "delete": Role.ADMIN,
}


class WorkspaceModelAdmin(ActionsMixin, AskingMixin, AuditedAdmin, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """`needs`: the role for each of view, add, change, delete; None is nobody.

    `workspace_path`: from the model to its workspace.
    """

    form = WorkspaceModelForm
    needs: Mapping[str, Role | None] = EDITABLE
    workspace_path = "workspace"
    shows_system = False  # to superusers, rows of the workspaces that the system made for itself
    readable: Mapping[
        str, str
    ] = {}  # an edited field -> the method that shows it to those who may only look
    list_filter_submit = False
    list_per_page = 50
    warn_unsaved_form = True
    change_form_before_template = "admin/seen_values.html"
    formfield_overrides = {models.TextField: {"widget": UnfoldAdminExpandableTextareaWidget}}

    # --- who may --------------------------------------------------------------------------------------------------
    def workspace_id_of(self, row: Any) -> uuid.UUID:
        return row.pk if isinstance(row, Workspace) else row.workspace_id

    def allows(self, request: HttpRequest, role: Role | None, row: Any = None) -> bool:
        if role is None:
            return False
        return roles.has_role(
            request, role, workspace_id=self.workspace_id_of(row) if row is not None else None
        )

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, self.needs["view"], obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.allows(request, self.needs["add"])

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, self.needs["change"], obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, self.needs["delete"], obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    # --- what they see ----------------------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        allowed = roles.workspaces(request, self.needs["view"] or Role.OWNER).values("pk")
        queryset = super().get_queryset(request)
        if not roles.sees_all(request):
            return queryset.filter(**{f"{self.workspace_path}__in": allowed})
        if self.shows_system:
            return queryset
        system = Workspace.objects.filter(is_system=True)
        return queryset.exclude(**{f"{self.workspace_path}__in": system.values("pk")})

    def get_list_display(self, request: HttpRequest) -> Any:
        columns = list(super().get_list_display(request))
        if self.workspace_path == "workspace" and roles.has_several(request):
            columns.append("workspace")
        return columns

    def get_list_filter(self, request: HttpRequest) -> Any:
        filters = list(super().get_list_filter(request))
        if self.workspace_path == "workspace" and roles.has_several(request):
            filters.append(("workspace", OwnRowsFilter))
        return filters

    # --- the form ---------------------------------------------------------------------------------------------------
    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm[Any]]:
        request.form_workspace = self.workspace_of_form(request, obj)  # type: ignore[attr-defined]  # for the choices
        form: Any = super().get_form(request, obj, change, **kwargs)
        more = {"workspace": request.form_workspace, "request": request}  # type: ignore[attr-defined]
        made: type[ModelForm[Any]] = type(form)(form.__name__, (form,), more)
        return made

    def workspace_of_form(self, request: HttpRequest, obj: Any) -> Workspace | None:
        """The row's; for a new row the one chosen in the address, else the only one there is."""
        if obj is not None:
            return obj if isinstance(obj, Workspace) else getattr(obj, "workspace", None)
        candidates = self.workspaces_for_new_rows(request)
        wanted = [one for one in candidates if str(one.pk) == request.GET.get("workspace")]
        fitting = wanted or candidates
        return fitting[0] if len(fitting) == 1 else None

    def workspaces_for_new_rows(self, request: HttpRequest) -> list[Workspace]:
        if not hasattr(request, "_admin_new_in"):
            found = roles.workspaces(request, self.needs["add"] or Role.OWNER)
            request._admin_new_in = list(found[:200])  # type: ignore[attr-defined]
        return cast("list[Workspace]", request._admin_new_in)  # type: ignore[attr-defined]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        workspace = getattr(request, "form_workspace", None)
        if workspace is not None and "queryset" not in kwargs:
            allowed = rows_within(db_field.remote_field.model, workspace)
            if allowed is not None:
                kwargs["queryset"] = allowed
        if db_field.name in self.get_autocomplete_fields(request):
            widget = SearchWidget(db_field, self.admin_site)
            widget.workspace = workspace
            kwargs.setdefault("widget", widget)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def layout(self, request: HttpRequest, obj: Any) -> Any:
        """The fieldsets, with the names of the edited fields. A new row has no history."""
        sets = super().get_fieldsets(request, obj)
        return [one for one in sets if obj is not None or one[0] != "History"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        sets = self.layout(request, obj)
        if obj is None or not self.readable or self.has_change_permission(request, obj):
            return sets
        return [
            (title, {**options, "fields": self._readable(options["fields"])})
            for title, options in sets
        ]

    def _readable(self, fields: Any) -> list[Any]:
        return [
            tuple(self.readable.get(name, name) for name in field)
            if isinstance(field, (list, tuple))
            else self.readable.get(field, field)
            for field in fields
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*super().get_readonly_fields(request, obj), *self.readable.values()]

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*(super().get_exclude(request, obj) or []), "workspace", "created_by"]

    # --- the pages --------------------------------------------------------------------------------------------------
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With several workspaces, the first question is where the new row shall live: its choices depend on it."""
        asks = self.workspace_path == "workspace" and self.has_add_permission(request)
        if asks and self.workspace_of_form(request, None) is None:
            return self.ask_for_workspace(request, f"Add {self.opts.verbose_name}")
        return super().add_view(request, form_url, extra_context)

    def ask_for_workspace(self, request: HttpRequest, title: str) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": title,
            "opts": self.opts,
            "media": self.media,
            "workspaces": self.workspaces_for_new_rows(request),
            "query": request.GET.copy(),
        }
        return TemplateResponse(request, "admin/choose_workspace.html", context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        return self._told(
            request, partial(super().changeform_view, request, object_id, form_url, extra_context)
        )

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self._told(request, partial(super().delete_view, request, object_id, extra_context))

    def _get_obj_does_not_exist_redirect(self, *args: Any) -> NoReturn:
        """Django goes to its front page with a message; here what is not there, or not theirs, is a plain 404."""
        raise Http404

    def _told(self, request: HttpRequest, act: Callable[[], HttpResponse]) -> HttpResponse:
        """What a verb refuses while saving is a message, and nothing was saved: each view is one transaction."""
        try:
            return act()
        except ValidationError as refusal:
            messages.error(request, f"Nothing was changed. {' '.join(refusal.messages)}")
        except IntegrityError:
            messages.error(
                request,
                "Nothing was changed: somebody saved the same at the same moment. Please look and try again.",
            )
        return HttpResponseRedirect(request.get_full_path())

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        def act() -> HttpResponse:
            # Django's own delete action writes the trail and deletes, one after the other.
            with transaction.atomic():
                return super(WorkspaceModelAdmin, self).changelist_view(request, extra_context)

        return self._told(request, act)

    def response_action(
        self, request: HttpRequest, queryset: models.QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Django asks the database for whatever ids were sent; one that is no id would be a 500."""
        try:
            for given in request.POST.getlist(helpers.ACTION_CHECKBOX_NAME):
                self.opts.pk.to_python(given)
        except ValidationError:
            messages.error(request, "The selection was not understood. Nothing was done.")
            return HttpResponseRedirect(request.get_full_path())
        answer: HttpResponse | None = super().response_action(request, queryset, *args, **kwargs)
        return answer

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Writes only what was changed on the page: an agent may have changed the rest of the row meanwhile."""
        if not change:
            if any(field.name == "created_by" for field in obj._meta.concrete_fields):
                obj.created_by = request.user
            obj.save()
        elif columns := changed_columns(obj):
            obj.save(update_fields=columns)


class OwnRowsFilter(RelatedFieldListFilter):
    """A filter by a foreign key that only names rows of the person's own workspaces, and of those what fits `more`."""

    more: Mapping[str, Any] = {}

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[Any]:
        is_workspace = field.remote_field.model is Workspace
        limit = roles.in_workspaces(request, "pk" if is_workspace else "workspace") | dict(
            self.more
        )
        ordering = self.field_admin_ordering(field, request, model_admin)
        return list(
            field.get_choices(include_blank=False, ordering=ordering, limit_choices_to=limit)
        )
