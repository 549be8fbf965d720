"""A trigger's page for those who may only look: the same words as on the form, and what it holds in words too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.template.loader import render_to_string

from crm.admin.columns import column
from crm.admin.reading import as_table
from executions.admin.trigger_form import SAID
from executions.admin.words import conditions_said
from triggers.models import Trigger

READABLE = {
    "config": "config_read",
    "conditions": "conditions_read",
    "input_mapping": "mapping_read",
    "default_inputs": "defaults_read",
    "enabled": "enabled_read",
    **{name: f"{name}_read" for name in SAID},
}


def _limit(name: str) -> Callable[[Any, Trigger], str]:
    @column(SAID[name][0])
    def shown(self: Any, row: Trigger) -> str:
        value = getattr(row, name)
        if isinstance(value, bool):
            return "yes" if value else "no"
        return "none" if value is None else f"{value:,}"

    return shown


class TriggerReading(admin.ModelAdmin[Trigger]):
    config_read = as_table("config", "Listens to")
    mapping_read = as_table("input_mapping", "From the event")
    defaults_read = as_table("default_inputs", "Fixed values")
    max_executions_per_hour_read = _limit("max_executions_per_hour")
    max_concurrent_read = _limit("max_concurrent")
    cooldown_seconds_read = _limit("cooldown_seconds")
    max_age_seconds_read = _limit("max_age_seconds")
    failure_threshold_read = _limit("failure_threshold")
    ignore_cooldown_read = _limit("ignore_cooldown")
    examples_pass_rate_read = _limit("examples_pass_rate")
    allow_reentry_read = _limit("allow_reentry")
    fail_open_read = _limit("fail_open")

    @column("Conditions")
    def conditions_read(self, row: Trigger) -> str:
        return render_to_string("admin/conditions.html", {"node": conditions_said(row.conditions)})

    @column("Enabled")
    def enabled_read(self, row: Trigger) -> str:
        return "yes" if row.enabled else "no"
