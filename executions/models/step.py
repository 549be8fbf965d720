"""The journal of a run: its steps."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from config.lib import json
from config.lib.ids import uuid7
from config.lib.secrets import SealedTextField
from executions.models.execution import Execution

MAX_EARLIER_BYTES = 20_000  # of one failed attempt that is kept
MOST_EARLIER = 5


class StepState(models.TextChoices):
    PROPOSED = "proposed", "Proposed"
    STARTED = "started", "Started"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    REJECTED = "rejected", "Rejected"
    UNKNOWN = "unknown", "Unknown"


class StepQuerySet(models.QuerySet["Step"]):
    def doubt(self, execution_ids: list[Any]) -> int:
        """Marks outside steps that had started when their worker died: nobody can know whether they happened."""
        mine = self.filter(
            execution_id__in=execution_ids, state=StepState.STARTED, effect="outside"
        )
        return mine.update(state=StepState.UNKNOWN)

    def decide(self, execution_id: Any, *, state: str, **fields: Any) -> int:
        """What a person says of the steps in doubt."""
        mine = self.filter(execution_id=execution_id, state=StepState.UNKNOWN)
        return mine.update(state=state, **fields)


class Step(models.Model):
    """The journal: what a run did, in order. A finished step is never repeated."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    execution = models.ForeignKey(Execution, models.CASCADE, related_name="steps", db_index=False)
    number = models.PositiveSmallIntegerField()  # 0: before the agent's own, see executions.filling
    kind = models.CharField(max_length=50)  # the action's name
    effect = models.CharField(max_length=12)  # none, database, repeatable, outside
    idempotency_key = models.CharField(max_length=100)
    state = models.CharField(max_length=10, choices=StepState)
    request = models.JSONField(default=dict, blank=True)
    response = models.JSONField(null=True, blank=True)  # without secrets
    sealed = SealedTextField(
        blank=True, default="", db_default=""
    )  # encrypted: the whole response, while the run may go on and the response is not all of it
    error_message = models.TextField(blank=True, default="")
    # What a person said of a proposed step: {"approved", "by", "params"}; null where nobody was asked, or not yet.
    decision = models.JSONField(null=True, blank=True)
    # Of a step that asked a model: {"model", "input_tokens", "output_tokens", "cost"}; dollars, null: nobody knows.
    usage = models.JSONField(default=dict, blank=True, db_default={})
    attempt = models.PositiveSmallIntegerField(default=1)
    # Attempts of this step that failed before this one: what was asked, what was answered, what was wrong.
    earlier = models.JSONField(default=list, blank=True, db_default=[])
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = StepQuerySet.as_manager()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["execution", "number"], name="step_once")]
        indexes = [
            models.Index(fields=["id"], condition=~Q(sealed=""), name="step_sealed")  # prune
        ]

    def __str__(self) -> str:
        return f"{self.number}. {self.kind}"

    def attempts_so_far(self) -> list[dict[str, Any]]:
        """What `earlier` of the next attempt is: the last of each attempt, the newest few, each cut to a bound."""
        if self.state != StepState.FAILED:
            return list(self.earlier)
        told = {
            "attempt": self.attempt,
            "request": self.request,
            "response": self.response,
            "error_message": self.error_message,
            "usage": self.usage,
            "started_at": json.timestamp(self.started_at),
            "finished_at": json.timestamp(self.finished_at or self.started_at),
        }
        others = [one for one in self.earlier if one["attempt"] != self.attempt]
        return [*others, json.sanitise(told, max_bytes=MAX_EARLIER_BYTES)][-MOST_EARLIER:]

    @property
    def duration_ms(self) -> int | None:
        if self.finished_at is None:
            return None
        return round((self.finished_at - self.started_at).total_seconds() * 1000)
