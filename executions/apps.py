from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from config.lib import registry


class ExecutionsConfig(AppConfig):
    name = "executions"
    verbose_name = "Executions"

    def ready(self) -> None:
        from executions import (  # noqa: F401 - receivers register themselves
            audit,
            backlog,
            beat,
            gate_locks,
            raised_budgets,
        )

        registry.load("executions.actions")
        registry.load("executions.gates")
        post_migrate.connect(beat.ensure_entries, sender=self, dispatch_uid="executions.beat")
