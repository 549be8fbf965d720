"""Addresses of this app."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path, re_path

from executions import rest_urls
from executions.consumers import LiveConsumer, NowhereConsumer
from executions.pages import urls as page_urls
from executions.views.live_tickets import LiveTickets

urlpatterns: list[URLPattern | URLResolver] = [
    *rest_urls.urlpatterns,
    path("api/v1/live-tickets", LiveTickets.as_view(), name="live-tickets"),
    *page_urls.urlpatterns,
]
websocket_urlpatterns: list[URLPattern] = [
    path("ws/live/", LiveConsumer.as_asgi()),
    re_path("", NowhereConsumer.as_asgi()),
]
