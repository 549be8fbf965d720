"""Whom language models are asked of, and what they cost."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models

from config.lib.ids import uuid7
from config.lib.secrets import EncryptedTextField
from crm.models import Workspace


class ModelProvider(models.Model):
    """Where a workspace's language models are asked: `name` is what stands before the colon of `provider:model`.

    `kind` is the wire that it speaks, as pydantic-ai names it (`openai`, `anthropic`, `google`, ...), or
    `openai-compatible` for any server of that wire at `base_url`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="model_providers", db_index=False
    )
    name = models.CharField(max_length=50)
    kind = models.CharField(max_length=50)
    base_url = models.CharField(max_length=500, blank=True, default="")
    api_key = EncryptedTextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"],
                name="model_provider_once",
                violation_error_message="A provider with this name exists already.",
            )
        ]

    def __str__(self) -> str:
        return self.name


class ModelPrice(models.Model):
    """What a model costs, in US dollars; it goes before what is generally known of the model."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="model_prices", db_index=False
    )
    model = models.CharField(
        max_length=200, help_text="As agents write it: provider:model, such as openai:gpt-5.6."
    )
    input_per_million = models.DecimalField(
        "dollars per million tokens read",
        max_digits=10,
        decimal_places=4,
        validators=[MinValueValidator(0)],
    )
    output_per_million = models.DecimalField(
        "dollars per million tokens written",
        max_digits=10,
        decimal_places=4,
        validators=[MinValueValidator(0)],
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["model"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "model"],
                name="model_price_once",
                violation_error_message="This model has a price already.",
            )
        ]

    def __str__(self) -> str:
        return self.model
