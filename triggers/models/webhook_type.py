"""A kind of sender that a workspace described itself: `triggers.own_types` makes a type of it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from config.lib.ids import uuid7
from crm.models import Workspace

Names = models.JSONField[list[str], list[str]]


class OwnWebhookType(models.Model):
    """`parsed_sample`: what reading the sample gave when it was stored, for samples and the condition builder.

    A trigger refers to it (`Trigger.own_type`), so a type in use cannot be deleted. `triggers.uploading` checks and
    sets all fields.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="webhook_types")
    name = models.CharField(max_length=50)
    parser = models.CharField(max_length=100)
    json_schema = models.JSONField(default=dict, blank=True)
    required_config_fields: Names = models.JSONField(default=list, blank=True)
    optional_config_fields: Names = models.JSONField(default=list, blank=True)
    default_methods: Names = models.JSONField(default=list, blank=True)
    validation_required = models.BooleanField(default=False)
    response_format = models.CharField(max_length=50, default="json")
    custom_parser_code = models.TextField(blank=True, default="")
    validation_code = models.TextField(blank=True, default="")
    sample_payload: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    parsed_sample = models.JSONField(default=dict, blank=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        verbose_name = "webhook type"
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="webhook_type_own"),
            models.UniqueConstraint(
                fields=["workspace", "name"],
                name="webhook_type_name_once",
                violation_error_message="A webhook type with this name exists already.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_builtin(self) -> bool:
        return False

    @property
    def label(self) -> str:
        return self.name

    @property
    def setup(self) -> str:
        """How its senders prove themselves, in a sentence."""
        if self.validation_required and self.validation_code and self.required_config_fields:
            asked = ", ".join(self.required_config_fields)
            return f"A type of your own. Its code checks each request with {asked}."
        return "A type of your own. Its requests are signed as those of any sender are (generic)."
