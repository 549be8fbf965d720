"""Addresses of this app."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from executions.consumers import LiveConsumer

urlpatterns: list[URLPattern | URLResolver] = []
websocket_urlpatterns: list[URLPattern] = [path("ws/live/", LiveConsumer.as_asgi())]
