"""Addresses of this app."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from executions import rest_urls
from executions.consumers import LiveConsumer
from executions.pages import urls as page_urls

urlpatterns: list[URLPattern | URLResolver] = [*rest_urls.urlpatterns, *page_urls.urlpatterns]
websocket_urlpatterns: list[URLPattern] = [path("ws/live/", LiveConsumer.as_asgi())]
