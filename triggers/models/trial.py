"""How the examples of a trigger's conditions in words did when a model was asked."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import models
from django.db.models import Case, F, Q, When

from agents.models import AgentStatus
from triggers.models.trigger import Trigger

AGENTS = "trigger__agent__model"
WORKSPACES = "trigger__agent__workspace__default_model"


class ConditionTrialQuerySet(models.QuerySet["ConditionTrial"]):
    def due(self, now: dt.datetime) -> ConditionTrialQuerySet:
        """Uses index trial_due."""
        return self.filter(due_at__lte=now)

    def moved(self) -> ConditionTrialQuerySet:
        """Those that another model is asked by now, because that of the agent or of the workspace was changed.

        It reads all rows: there is one for each condition with examples, not for each event.
        """
        agents = Case(When(**{AGENTS: ""}, then=F(WORKSPACES)), default=F(AGENTS))
        asked = Case(When(own_model="", then=agents), default=F("own_model"))
        rows = self.filter(due_at=None).exclude(trigger__agent__status=AgentStatus.ARCHIVED)
        return rows.annotate(asked=asked).exclude(model=F("asked"))

    def take(self, pk: Any, *, now: dt.datetime, until: dt.datetime) -> bool:
        """Whether this caller is the one that tries it now; after `until` another may."""
        return self.filter(pk=pk, due_at__lte=now).update(due_at=until) == 1


class ConditionTrial(models.Model):
    """One condition in words of one trigger that has examples, and what came of them.

    `wanted` is the fingerprint of what is to be tried, `fingerprint` that of what was: where the two are the same, the
    results are those of the trigger as it is. `due_at`: when it is tried (again); null where nothing is to be done.
    `error`: why it could not be tried the last time, `failures` how often in a row.
    `results`: `{"input", "expected", "got", "passed", "reason", "evidence", "confidence", "error"}` per example.
    """

    trigger = models.ForeignKey(Trigger, models.CASCADE, related_name="trials", db_index=False)
    path = models.CharField(max_length=300)
    own_model = models.CharField(
        max_length=200, blank=True, default=""
    )  # the condition's, where it names one
    wanted = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64, blank=True, default="")
    model = models.CharField(max_length=200, blank=True, default="")
    passed = models.PositiveSmallIntegerField(default=0)
    total = models.PositiveSmallIntegerField(default=0)
    results = models.JSONField(default=list)
    error = models.TextField(blank=True, default="", max_length=2000)
    failures = models.PositiveSmallIntegerField(default=0)
    tried_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)

    objects = ConditionTrialQuerySet.as_manager()

    class Meta:
        ordering = ["path"]
        constraints = [models.UniqueConstraint(fields=["trigger", "path"], name="trial_once")]
        indexes = [
            models.Index(fields=["due_at"], condition=~Q(due_at=None), name="trial_due")  # due
        ]

    def __str__(self) -> str:
        return f"{self.path}: {self.passed} of {self.total}"
