"""A row of any model, so that a test of all models covers those that come later."""

from __future__ import annotations

import uuid
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone

from agents.models import McpServer, ModelProvider
from crm.models import Workspace
from triggers.models import OwnWebhookType, Trigger

APPS = ("crm", "agents", "triggers", "executions")


def our_models() -> list[type[models.Model]]:
    return [model for name in APPS for model in apps.get_app_config(name).get_models()]


def has_workspace(model: type[models.Model]) -> bool:
    return any(field.name == "workspace" for field in model._meta.fields)


def make(model: type[models.Model], *, workspace: Workspace) -> models.Model:
    """A row of any model that hangs on this workspace, its required fields filled with something."""
    if model is Workspace:
        return workspace
    values = {
        field.name: _value(field, workspace)
        for field in model._meta.concrete_fields
        if _is_required(field)
    }
    if has_workspace(model):
        values["workspace"] = workspace
    if model is ModelProvider:
        values |= {"name": f"p{uuid.uuid4().hex[:12]}", "kind": "openai", "api_key": "sk-any"}
    if model is McpServer:
        values |= {"name": f"m{uuid.uuid4().hex[:12]}", "url": "https://tools.example/mcp"}
    if model is OwnWebhookType:
        values |= {"name": f"type-{uuid.uuid4().hex}", "parser": "json"}
    if model is Trigger:
        values |= {"trigger_type": "event", "config": {"event_type": "contact_created"}}
    return model._default_manager.create(**values)


def _is_required(field: models.Field[Any, Any]) -> bool:
    given = (
        field.has_default()
        or field.db_default is not models.NOT_PROVIDED
        or field.null
        or field.primary_key
    ) and not (field.primary_key and isinstance(field, (models.OneToOneField, models.CharField)))
    return (
        not given
        and not getattr(field, "auto_now", False)
        and not getattr(field, "auto_now_add", False)
    )


def _value(field: models.Field[Any, Any], workspace: Workspace) -> Any:
    unique = f"r{uuid.uuid4().hex[1:]}"  # a name of any kind: it begins with a letter
    if isinstance(field, models.ForeignKey):
        related = field.related_model
        return (
            User.objects.create(username=unique)
            if related is User
            else make(related, workspace=workspace)
        )
    if field.choices:
        return field.choices[0][0]
    by_type: dict[type[models.Field[Any, Any]], Any] = {
        models.CharField: unique[: field.max_length], models.TextField: unique, models.UUIDField: uuid.uuid4(),
        models.DateTimeField: timezone.now(), models.DateField: timezone.now().date(),
        models.IntegerField: 1, models.DecimalField: 1, models.BooleanField: False, models.JSONField: {},
        models.BinaryField: unique.encode(),
    }  # fmt: skip
    return next(value for kind, value in by_type.items() if isinstance(field, kind))
