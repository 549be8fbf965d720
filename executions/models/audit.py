"""Who changed what."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from config.lib.ids import uuid7
from crm.models import Workspace


class AuditEntry(models.Model):
    """One management action. Rows are only ever added: a database trigger refuses UPDATE and DELETE."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(
        Workspace, models.DO_NOTHING, null=True, related_name="+", db_constraint=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        null=True,
        related_name="+",
        db_constraint=False,
    )
    actor = models.CharField(max_length=200)  # as people read it: "ann", "token CI (…x9Qz)"
    verb = models.CharField(max_length=50)  # create, update, delete, activate, run, cancel ...
    target_type = models.CharField(max_length=50)
    target_id = models.CharField(max_length=64, blank=True, default="")
    target_name = models.CharField(max_length=255, blank=True, default="")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    remote_addr = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True, default="")
    at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit trail"
        indexes = [
            models.Index(fields=["workspace", "-id"], name="audit_newest"),  # the list
            models.Index(fields=["target_id", "-id"], name="audit_target"),  # one row's history
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.verb} {self.target_name or self.target_id}"
