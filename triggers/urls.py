"""Addresses of this app. Fixed paths: the triggers themselves are at `api/v1/triggers/<id>` in `executions.urls`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path, re_path

from triggers import views, webhook_views

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/triggers/emit", views.Emit.as_view()),
    path("api/v1/triggers/validate", views.Validate.as_view()),
    path("api/v1/triggers/validate-conditions", views.ValidateConditions.as_view()),
    path("api/v1/triggers/validate-cron", views.ValidateCron.as_view()),
    re_path(r"^webhooks/(?P<webhook_id>[^/]{1,100})/?\Z", webhook_views.receive, name="webhook"),
]
