from __future__ import annotations

from django.apps import AppConfig

from config.lib import registry


class AgentsConfig(AppConfig):
    name = "agents"
    verbose_name = "Agents"

    def ready(self) -> None:
        registry.load("agents.actions")
