"""People that the business knows."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Value
from django.db.models.functions import Lower

from config.lib.ids import uuid7
from crm.models.tracking import TrackedModel, TrackedQuerySet
from crm.models.workspace import Workspace


class ContactQuerySet(TrackedQuerySet["Contact"]):
    def with_email(self, email: str) -> Self:
        """Those with this address, however it is written; at most one per workspace. Index contact_email_once."""
        return (
            self.alias(folded=Lower("email")).filter(folded=Lower(Value(email))).exclude(email="")
        )


class Contact(TrackedModel):
    """A person. Within a workspace an e-mail address, compared without case, belongs to one contact."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="contacts", db_index=False
    )
    first_name = models.CharField(max_length=150, blank=True, default="")
    last_name = models.CharField(max_length=150, blank=True, default="")
    email = models.EmailField(max_length=254, blank=True, default="")
    phone = models.CharField(max_length=50, blank=True, default="")
    title = models.CharField(max_length=200, blank=True, default="")
    company = models.CharField(max_length=200, blank=True, default="")
    source = models.CharField(max_length=50, blank=True, default="")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    custom = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ContactQuerySet.as_manager()

    class Meta(TrackedModel.Meta):
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                "workspace",
                Lower("email"),
                condition=~models.Q(email=""),
                name="contact_email_once",
                violation_error_message="A contact with this e-mail address exists already.",
            ),
            models.UniqueConstraint(fields=["workspace", "id"], name="contact_own"),
        ]
        indexes = [
            models.Index(fields=["workspace", "-created_at"], name="contact_newest")
        ]  # lists

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.email or str(self.id)
