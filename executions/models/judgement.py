"""What models were asked about the conditions of an execution, and answers that serve again for the same content."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.db import models

from crm.models import Workspace
from executions.models.execution import Execution


class Judgement(models.Model):
    """One row per execution that a model was asked about. `asked` holds what was shown and answered, question by
    question (`executions.opinions.Asked`), without secrets; it goes when contents go.

    `failed_since`: when the model could first not be asked, in a row; null where it answered last.
    """

    execution = models.OneToOneField(
        Execution, models.CASCADE, primary_key=True, related_name="judgement"
    )
    asked = models.JSONField(default=list, blank=True)
    failed_since = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return f"judgement of {self.execution_id}"


class RememberedAnswerQuerySet(models.QuerySet["RememberedAnswer"]):
    def recall(
        self, workspace_id: uuid.UUID, fingerprint: str, *, since: dt.datetime
    ) -> dict[str, Any] | None:
        """The answer to this content, where one was given `since`. Uses index remembered_once."""
        mine = self.filter(workspace_id=workspace_id, fingerprint=fingerprint, at__gte=since)
        return mine.exclude(opinion__isnull=True).values_list("opinion", flat=True).first()

    def keep(
        self, workspace_id: uuid.UUID, fingerprint: str, *, opinion: dict[str, Any], at: dt.datetime
    ) -> int:
        mine = self.filter(workspace_id=workspace_id, fingerprint=fingerprint)
        return mine.update(opinion=opinion, taken_by=None, taken_until=None, at=at)

    def drop(self, workspace_id: uuid.UUID, fingerprint: str) -> int:
        """It was not answered: the next one asks."""
        mine = self.filter(workspace_id=workspace_id, fingerprint=fingerprint)
        return mine.filter(opinion__isnull=True).delete()[0]

    def drop_of(self, lease: uuid.UUID) -> int:
        """What a judge was asking that died. Uses index remembered_taken."""
        return self.filter(taken_by=lease).delete()[0]


class RememberedAnswer(models.Model):
    """An answer by its content (`triggers.questions.fingerprint`), of one workspace. Without an `opinion` somebody is
    asking: the judge of the lease `taken_by`, until `taken_until` at most.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+", db_index=False)
    fingerprint = models.CharField(max_length=64)
    opinion = models.JSONField(null=True)
    taken_by = models.UUIDField(null=True)
    taken_until = models.DateTimeField(null=True)
    at = models.DateTimeField()

    objects = RememberedAnswerQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "fingerprint"], name="remembered_once")
        ]
        indexes = [
            models.Index(fields=["at"], name="remembered_at"),  # prune
            models.Index(
                fields=["taken_by"],
                condition=~models.Q(taken_by=None),
                name="remembered_taken",
            ),  # reaper.reap_judges
        ]

    def __str__(self) -> str:
        return self.fingerprint
