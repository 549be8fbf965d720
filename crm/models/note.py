"""Something written down about a contact or a deal."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from config.lib.ids import uuid7
from crm.models.contact import Contact
from crm.models.opportunity import Opportunity
from crm.models.workspace import Workspace


class Note(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="notes")
    contact = models.ForeignKey(
        Contact,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="notes",
        db_constraint=False,
    )
    opportunity = models.ForeignKey(
        Opportunity,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="notes",
        db_constraint=False,
    )
    text = models.TextField(max_length=20_000)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.text[:60]
