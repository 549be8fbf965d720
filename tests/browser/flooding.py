"""A flood of updates in the system of the browser tests: rows and their notices, as workers write and push them.

Run beside that system, in its folder, by `manage.py shell -c "..."`.
"""

from __future__ import annotations

import sys
import threading
import time

from django.utils import timezone

from config.lib.ids import uuid7
from crm.models import Workspace
from executions import live
from executions.models import Execution, Status
from triggers.models import Event, Trigger

BATCH = 100
TYPE = "flooding"


def flood(updates: int, *, seconds: float) -> None:
    """So many runs are recorded, and each one is told, evenly over the seconds. Writes how long it took, in seconds."""
    trigger = Trigger.objects.filter(is_builtin=False).order_by("pk").first()
    assert trigger
    began = time.monotonic()
    batches = updates // BATCH
    for number in range(batches):
        runs = _record(trigger, trigger.workspace)
        live.push_many(
            trigger.workspace_id, [live.execution_changed("skipped", run) for run in runs]
        )
        threading.Event().wait(began + (number + 1) * seconds / batches - time.monotonic())
    assert live.settle(10)
    sys.stdout.write(str(round(time.monotonic() - began, 1)))


def ebb() -> None:
    """Takes the flood away again, with its runs."""
    Event.objects.filter(type=TYPE).delete()


def _record(trigger: Trigger, workspace: Workspace) -> list[Execution]:
    pk = uuid7()
    event = Event.objects.create(
        id=pk, workspace=workspace, type=TYPE, topic=TYPE, source="test", occurred_at=timezone.now(),
        root_id=pk, state="matched", executions_count=BATCH,
    )  # fmt: skip
    return Execution.objects.bulk_create(
        Execution(
            workspace=workspace, event=event, trigger=trigger, agent_id=trigger.agent_id, listener_id=trigger.pk,
            trigger_name=trigger.name, agent_name=f"Flood {replay_no}", trigger_type=TYPE, replay_no=replay_no,
            status=Status.SKIPPED, reason="condition_false", finished_at=timezone.now(),
        )
        for replay_no in range(BATCH)
    )  # fmt: skip
