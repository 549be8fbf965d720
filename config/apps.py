from __future__ import annotations

from django.apps import AppConfig


class HouseConfig(AppConfig):
    """The project itself, so that its checks are known."""

    name = "config"
    label = "house"

    def ready(self) -> None:
        from config import checks  # noqa: F401 - registers itself
