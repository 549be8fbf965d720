"""Deals."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.db import models

from config.lib.ids import uuid7
from crm.models.contact import Contact
from crm.models.tracking import TrackedModel
from crm.models.workspace import Workspace


class Opportunity(TrackedModel):
    """A deal; its stage is one of the workspace's own list."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="opportunities")
    name = models.CharField(max_length=200)
    value = models.DecimalField(max_digits=14, decimal_places=2, default=Decimal(0))
    currency = models.CharField(max_length=3, default="USD")
    stage = models.CharField(max_length=100, default="Lead")
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True, blank=True, related_name="opportunities")
    close_date = models.DateField(null=True, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    custom = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TrackedModel.Meta):
        ordering = ["-created_at"]
        verbose_name_plural = "opportunities"
        indexes = [models.Index(fields=["workspace", "-created_at"], name="opportunity_newest")]  # lists

    def __str__(self) -> str:
        return self.name
