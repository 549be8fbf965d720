"""Addresses of the CRM."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path

from config.lib.rest.routing import Router
from crm import schema  # noqa: F401 - registers itself with drf-spectacular
from crm.views import form_page, form_webhook, passwords, records, workspace

router = Router()
router.register("contacts", records.ContactViewSet)
router.register("opportunities", records.OpportunityViewSet)
router.register("notes", records.NoteViewSet)
router.register("tasks", records.TaskViewSet)
router.register("forms", records.FormViewSet)
router.register("form-submissions", records.FormSubmissionViewSet)
router.register("members", workspace.MemberViewSet)
router.register("tokens", workspace.TokenViewSet)

urlpatterns: list[URLPattern | URLResolver] = [
    path(
        "api/v1/workspace",
        workspace.WorkspaceSelf.as_view({"get": "retrieve", "patch": "partial_update"}),
    ),
    path("api/v1/", include(router.urls)),
    path(
        "api/workspaces/<slug:workspace_slug>/webhooks/form-submitted",
        form_webhook.FormWebhook.as_view(),
        name="form_webhook",
    ),
    re_path(
        r"^forms/(?P<public_id>[A-Za-z0-9_-]{1,32})/\Z",
        form_page.FormPage.as_view(),
        name="form_page",
    ),
    re_path(
        r"^forms/(?P<public_id>[A-Za-z0-9_-]{1,32})/thanks/\Z",
        form_page.ThanksPage.as_view(),
        name="form_thanks",
    ),
    path("accounts/password/", passwords.ChangePassword.as_view(), name="change_password"),
    path("accounts/password/saved/", passwords.PasswordSaved.as_view(), name="password_saved"),
    path("accounts/forgot-password/", passwords.ForgotPassword.as_view(), name="forgot_password"),
    path(
        "accounts/forgot-password/sent/", passwords.PasswordAsked.as_view(), name="password_asked"
    ),
    path(
        "accounts/set-password/<uidb64>/<token>/",
        passwords.SetPassword.as_view(),
        name="set_password",
    ),
]
