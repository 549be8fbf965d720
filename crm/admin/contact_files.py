"""Contacts in and out as CSV files: the two buttons above their list."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from config.lib import audit
from crm import contact_csv, contact_import
from crm.admin.base import WorkspaceModelAdmin
from crm.models import Workspace

DUPLICATES = {"skip": "Leave the known contact as it is", "update": "Write over the known contact"}


class ImportForm(forms.Form):
    file = forms.FileField(
        label="CSV file",
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,text/csv"}),
        help_text="UTF-8 with a header line: first_name, last_name or name, email, phone, title, company, source. "
        f"At most {contact_csv.MAX_ROWS:,} rows and {contact_csv.MAX_BYTES // 2**20} MiB.",
    )
    on_duplicate = forms.ChoiceField(
        label="Where the e-mail address is known",
        choices=list(DUPLICATES.items()),
        widget=UnfoldAdminSelectWidget,
    )

    def clean_file(self) -> contact_csv.Sheet:
        given = self.cleaned_data["file"]
        if given.size > contact_csv.MAX_BYTES:
            raise forms.ValidationError(
                f"The file is larger than {contact_csv.MAX_BYTES // 2**20} MiB: split it."
            )
        try:
            return contact_csv.read(given.read())
        except contact_csv.UnreadableCSV as error:
            raise forms.ValidationError(str(error)) from None


class ContactFilesAdmin(WorkspaceModelAdmin):
    """Asks for roles and workspaces as for a new contact."""

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("import/", wrap(self.import_view), name="crm_contact_import"),
            path("export/", wrap(self.export_view), name="crm_contact_export"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        page = super().changelist_view(request, extra_context)
        if isinstance(page, TemplateResponse) and page.context_data is not None:
            page.context_data["actions_list"] = self._buttons_above(request)
        return page

    def _buttons_above(self, request: HttpRequest) -> list[dict[str, Any]]:
        query = f"?{request.GET.urlencode()}" if request.GET else ""
        buttons = [
            {
                "title": "Export",
                "icon": "download",
                "path": f"{reverse('admin:crm_contact_export')}{query}",
                "attrs": {"title": "What the list shows now, as a CSV file"},
            }
        ]
        if self.has_add_permission(request):
            link = reverse("admin:crm_contact_import")
            buttons.append({"title": "Import", "icon": "upload", "path": link, "attrs": {}})
        return buttons

    def export_view(self, request: HttpRequest) -> HttpResponse:
        """What the list shows: its filters and its search are in the address."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = self.get_changelist_instance(request).get_queryset(request)
        rows = asked.order_by("created_at", "pk").iterator(chunk_size=2000)
        headers = {"Content-Disposition": 'attachment; filename="contacts.csv"'}
        return HttpResponse(
            contact_csv.write(rows), headers=headers, content_type="text/csv; charset=utf-8"
        )

    def import_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        workspace = self.workspace_of_form(request, None)
        if workspace is None:
            return self.ask_for_workspace(request, "Import contacts")
        form = ImportForm(request.POST or None, request.FILES or None)
        if request.method != "POST" or not form.is_valid():
            return self._show(request, "admin/import_contacts.html", form=form, workspace=workspace)
        return self._store(request, workspace, form.cleaned_data)

    def _store(
        self, request: HttpRequest, workspace: Workspace, chosen: dict[str, Any]
    ) -> HttpResponse:
        with transaction.atomic():
            outcome = contact_import.import_contacts(
                workspace, sheet=chosen["file"], overwrite=chosen["on_duplicate"] == "update"
            )
            told = outcome.as_dict() | {"problems": len(outcome.problems)}
            audit.record(request, "import", workspace, after=told)
        if not (outcome.problems or outcome.ignored_columns):
            said = f"{outcome.created} added, {outcome.updated} updated, {outcome.skipped} known already."
            messages.success(request, f"Imported: {said}")
            return HttpResponseRedirect(reverse("admin:crm_contact_changelist"))
        return self._show(request, "admin/contacts_imported.html", outcome=outcome)

    def _show(self, request: HttpRequest, template: str, **more: Any) -> HttpResponse:
        form = more.get("form")
        context = self.admin_site.each_context(request) | {
            "title": "Import contacts",
            "opts": self.opts,
            "back_url": reverse("admin:crm_contact_changelist"),
            "media": self.media + form.media if form else self.media,
        }
        return TemplateResponse(request, template, context | more)
