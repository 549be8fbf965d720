"""Addresses of this app. Fixed paths: the triggers themselves are at `api/v1/triggers/<id>` in `executions.urls`.

`/webhooks/<token>` does not come this far: `triggers.webhook_route`.
"""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from config.lib.rest.routing import Router
from triggers import views
from triggers.webhook_type_views import WebhookTypeView

router = Router()
router.register("api/v1/webhook-types", WebhookTypeView, basename="webhook-type")

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/triggers/emit", views.Emit.as_view()),
    path("api/v1/triggers/validate", views.Validate.as_view()),
    path("api/v1/triggers/validate-cron", views.ValidateCron.as_view()),
    *router.urls,
]
