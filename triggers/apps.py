from __future__ import annotations

from django.apps import AppConfig

from config.lib import registry


class TriggersConfig(AppConfig):
    name = "triggers"
    verbose_name = "Triggers"

    def ready(self) -> None:
        registry.load("triggers.sources")
        registry.load("triggers.actions")
