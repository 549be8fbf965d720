"""Deals."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models

from config.lib.ids import uuid7
from crm.models.contact import Contact
from crm.models.tracking import TrackedModel, TrackedQuerySet
from crm.models.workspace import Workspace


class OpportunityQuerySet(TrackedQuerySet["Opportunity"]):
    def rename_stage(self, workspace: Workspace, *, old: str, new: str) -> int:
        """Moves the deals along when a workspace renames a stage. Nothing happened to them, so no event comes of it."""
        return self.filter(workspace=workspace, stage=old).quietly().update(stage=new)


class Opportunity(TrackedModel):
    """A deal; its stage is one of the workspace's own list."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="opportunities", db_index=False
    )
    name = models.CharField(max_length=200)
    value = models.DecimalField(max_digits=14, decimal_places=2, default=Decimal(0))
    currency = models.CharField(max_length=3, default="USD")
    stage = models.CharField(max_length=100, default="Lead")
    contact = models.ForeignKey(
        Contact,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="opportunities",
        db_constraint=False,
    )
    close_date = models.DateField(null=True, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    custom = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = OpportunityQuerySet.as_manager()

    class Meta(TrackedModel.Meta):
        ordering = ["-created_at"]
        verbose_name = "deal"
        constraints = [models.UniqueConstraint(fields=["workspace", "id"], name="opportunity_own")]
        indexes = [
            models.Index(fields=["workspace", "-created_at"], name="opportunity_newest")
        ]  # lists

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """The stage is one of the workspace's list, the contact one of its people."""
        if not hasattr(self, "workspace"):
            return  # none chosen yet, which is told at that field
        problems = {}
        if self.stage not in self.workspace.stages:
            problems["stage"] = (
                f"Not a stage of this workspace: {', '.join(self.workspace.stages)}."
            )
        if self.contact and self.contact.workspace_id != self.workspace_id:
            problems["contact"] = "This contact does not exist."
        if problems:
            raise ValidationError(problems)
