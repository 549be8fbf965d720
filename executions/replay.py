"""Running an event again at the trigger that it ran before: explicit, one new row, the original untouched."""

from __future__ import annotations

from django.db import transaction

from executions import dispatcher
from executions.models import Execution
from triggers.models import Trigger


class CannotReplay(Exception):
    """There is nothing left to run this with; the message says why."""


def replay(execution: Execution, *, actor: str) -> Execution:
    """A new execution of the same event with the next `replay_no`. Every gate is asked again, so it may be skipped."""
    if execution.trigger_id is None or execution.agent_id is None:
        raise CannotReplay("Its trigger or agent has been deleted.")
    if not execution.is_finished:
        raise CannotReplay("It has not finished yet.")
    with transaction.atomic():
        trigger = Trigger.objects.select_related("agent").get(pk=execution.trigger_id)
        return dispatcher.dispatch_now(
            execution.event, trigger, is_test=execution.is_test, replay_of=execution
        )
