"""Addresses of agents and actions; `activate`, `pause`, `archive` and `run` are in `executions.rest_urls`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from agents import mcp_server_views, views
from config.lib.rest.routing import Router

router = Router()
router.register("api/v1/agents", views.AgentViewSet, basename="agent")

router.register("api/v1/model-providers", views.ModelProviderViewSet, basename="model-provider")
router.register("api/v1/mcp-servers", mcp_server_views.McpServerViewSet, basename="mcp-server")

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/actions", views.ActionList.as_view()),
    *router.urls,
]
