"""The admin site: unfold's with our own menu, and without Django's page that looks at rows past the workspaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from django.apps import apps as installed
from django.contrib import admin
from django.contrib.admin import apps
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.template.response import SimpleTemplateResponse
from django.urls import NoReverseMatch, URLPattern, URLResolver, reverse
from django.utils import timezone
from unfold.sites import UnfoldAdminSite

MENU = {
    "CRM": [
        ("crm.contact", "Contacts", "person"),
        ("crm.opportunity", "Deals", "handshake"),
        ("crm.form", "Forms", "dynamic_form"),
        ("crm.formsubmission", "Submissions", "inbox"),
        ("crm.task", "Tasks", "task_alt"),
        ("crm.note", "Notes", "sticky_note_2"),
    ],
    "Automation": [
        ("agents.agent", "Agents", "smart_toy"),
        ("triggers.trigger", "Triggers", "bolt"),
        ("triggers.ownwebhooktype", "Webhook types", "webhook"),
        ("agents.modelprovider", "Model providers", "psychology"),
        ("agents.mcpserver", "MCP servers", "extension"),
        ("agents.modelprice", "Model prices", "payments"),
    ],
    "Operations": [
        ("executions.execution", "Executions", "play_circle"),
        ("triggers.event", "Events", "sensors"),
        ("triggers.webhookrejection", "Deliveries", "webhook"),
        ("executions.alert", "Alerts", "notifications"),
        ("executions.auditentry", "Audit trail", "history"),
    ],
    "Workspace": [
        ("crm.workspace", "Workspaces", "domain"),
        ("crm.membership", "Members", "group"),
        ("crm.apitoken", "API tokens", "key"),
        ("auth.user", "Users", "manage_accounts"),
    ],
}


class WorkspaceAdminSite(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    """Each ModelAdmin scopes itself (`crm.admin.base`); what is site-wide must not know more than they do."""

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Without `r/<content type>/<id>/`, which loads any row of any model by its id."""
        return [url for url in super().get_urls() if getattr(url, "name", "") != "view_on_site"]

    def get_app_list(
        self, request: HttpRequest, app_label: str | None = None
    ) -> list[dict[str, Any]]:
        """The front page in the order and the words of the menu."""
        found: list[dict[str, Any]] = super().get_app_list(request, app_label)
        if app_label is not None:
            return found
        known = {one["model"]._meta.label_lower: one for app in found for one in app["models"]}
        groups = [
            {
                "name": title,
                "app_label": title.lower(),
                "app_url": reverse("admin:index"),
                "has_module_perms": True,
                "models": [
                    known[label] | {"name": said} for label, said, _ in entries if label in known
                ],
            }
            for title, entries in MENU.items()
        ]
        return [group for group in groups if group["models"]]

    def admin_view(
        self, view: Callable[..., HttpResponse], cacheable: bool = False
    ) -> Callable[..., HttpResponse]:
        inner: Callable[..., HttpResponse] = super().admin_view(view, cacheable)

        def outer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if any("\x00" in value for _, values in request.GET.lists() for value in values):
                return HttpResponseBadRequest("The address holds a character that no text has.")
            with timezone.override(_zone(request)):
                response = inner(request, *args, **kwargs)
                if isinstance(response, SimpleTemplateResponse):
                    response.render()  # now, while the times are those of the workspace
            return response

        outer.__dict__.update(vars(inner))
        return outer

    def search(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Finds pages of the admin by name. unfold takes the page number as it comes: an odd one would be a 500."""
        page = request.GET.get("page", "1")
        if not (page.isascii() and page.isdigit() and 0 < len(page) < 3):
            return HttpResponseBadRequest("page must be a number from 1 to 99")
        answer: HttpResponse = super().search(request, extra_context)
        return answer


def _zone(request: HttpRequest) -> ZoneInfo:
    """Of the workspace that the session is in; `crm.access` put it on the request."""
    return ZoneInfo(getattr(getattr(request, "workspace", None), "timezone", "UTC"))


class AdminConfig(apps.AdminConfig):
    default_site = "config.lib.admin_site.WorkspaceAdminSite"


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu at the side, in unfold's shape: what this person may look at."""
    home: dict[str, Any] = {
        "title": "Dashboard",
        "icon": "monitoring",
        "link": "/",
        "active": False,
    }
    groups: list[dict[str, Any]] = [{"title": "", "items": [home]}]
    for title, entries in MENU.items():
        items = [
            item for label, said, icon in entries if (item := _entry(request, label, said, icon))
        ]
        groups.append({"title": title, "separator": True, "collapsible": False, "items": items})
    return [group for group in groups if group["items"]]


def _entry(request: HttpRequest, label: str, said: str, icon: str) -> dict[str, Any] | None:
    model = installed.get_model(label)
    registered = admin.site._registry.get(model)
    if registered is None or not registered.has_module_permission(request):
        return None
    try:
        link = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    except NoReverseMatch:
        return None
    return {"title": said, "icon": icon, "link": link}
