"""The admin of everything that acts, and of what happened.

Agents, triggers and workspaces stand here too: their buttons call the engine.
"""

from django.apps import apps
from django.contrib import admin

from executions.admin import (
    agents,
    alerts,
    audit_trail,
    deliveries,
    events,
    executions,
    mcp_servers,
    model_providers,
    triggers,
    webhook_types,
    webhooks,
    workspace,
)

for _model in apps.get_app_config("django_celery_beat").get_models():
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)  # the schedule is ours: `executions.beat` writes it

__all__ = [
    "agents",
    "alerts",
    "audit_trail",
    "deliveries",
    "events",
    "executions",
    "mcp_servers",
    "model_providers",
    "triggers",
    "webhook_types",
    "webhooks",
    "workspace",
]
