"""Rows of the journal: written only while the run still holds its lease, read back whole."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import IntegrityError, transaction

from config.lib import json
from config.lib.secrets import decrypt
from executions.models import Execution, Step, StepState


class LeaseLost(Exception):
    """Somebody else owns this run now; whatever this worker still knows about it counts for nothing."""


def store(step: Step, *, lease: uuid.UUID) -> None:
    """Writes the step as started, if its run is still ours. A second worker on the same step fails on step_once."""
    with transaction.atomic():
        if not Execution.objects.running_under(lease).filter(pk=step.execution_id).exists():
            raise LeaseLost
        try:
            with transaction.atomic():
                step.save(force_insert=step._state.adding)
        except IntegrityError as error:
            raise LeaseLost from error


def save_end(step: Step) -> None:
    Step.objects.filter(pk=step.pk, state=StepState.STARTED).update(
        state=step.state,
        response=step.response,
        sealed=step.sealed,
        error_message=step.error_message,
        usage=step.usage,
        finished_at=step.finished_at,
    )


def whole(step: Step) -> Any:
    """The output as the action gave it, also where people read only a part of it."""
    return json.loads(decrypt(step.sealed).encode()) if step.sealed else step.response
