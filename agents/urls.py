"""Addresses of agents and actions; `activate`, `pause`, `archive` and `run` are in `executions.rest_urls`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from agents import views
from config.lib.rest.routing import Router

router = Router()
router.register("api/v1/agents", views.AgentViewSet, basename="agent")

router.register("api/v1/model-providers", views.ModelProviderViewSet, basename="model-provider")

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/actions", views.ActionList.as_view()),
    *router.urls,
]
