"""Something that a person has to do."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from config.lib.ids import uuid7
from crm.models.contact import Contact
from crm.models.opportunity import Opportunity
from crm.models.workspace import Workspace


class Task(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="tasks")
    contact = models.ForeignKey(
        Contact,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="tasks",
        db_constraint=False,
    )
    opportunity = models.ForeignKey(
        Opportunity,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="tasks",
        db_constraint=False,
    )
    title = models.CharField(max_length=300)
    due_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.title
