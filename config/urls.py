"""Every address that the system answers; each app names its own."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from config.lib.rest.schema import FormatInQuery

urlpatterns = [
    path("admin/", admin.site.urls),
    path(
        "api/schema/",
        SpectacularAPIView.as_view(content_negotiation_class=FormatInQuery),
        name="schema",
    ),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("", include("crm.urls")),
    path("", include("agents.urls")),
    path("", include("triggers.urls")),
    path("", include("executions.urls")),
]
handler404 = "config.lib.errors.not_found"
handler500 = "config.lib.errors.server_error"
