"""Rows of the past, as they stand after days."""

from __future__ import annotations

import datetime as dt
import uuid

from config.lib import clock, ids
from crm.models import Workspace
from executions.models import TERMINAL, Execution, Step, StepState
from triggers.models import Event, EventState, Trigger


def happened(
    workspace: Workspace,
    *,
    days_ago: float,
    state: str = EventState.MATCHED,
    save: bool = True,
) -> Event:
    at = clock.reckoned() - dt.timedelta(days=days_ago)
    pk = uuid.UUID(int=ids.floor(at).int + uuid.uuid4().int % 2**60)
    event = Event(
        id=pk,
        workspace=workspace,
        type="sale",
        topic="sale",
        source="t",
        payload={"amount": 5},
        occurred_at=at,
        root_id=pk,
        state=state,
    )
    if save:
        event.save(force_insert=True)
    return event


def ran(event: Event, trigger: Trigger, *, status: str, days_ago: float) -> Execution:
    at = clock.reckoned() - dt.timedelta(days=days_ago)
    execution = Execution.objects.create(
        id=uuid.UUID(int=ids.floor(at).int + uuid.uuid4().int % 2**60),
        workspace=event.workspace,
        event=event,
        trigger=trigger,
        agent=trigger.agent,
        listener_id=uuid.uuid4(),
        status=status,
        reason="cooldown" if status == "skipped" else "",
        trace=[{"field": "amount"}],
        inputs={"a": 1},
        output={"steps": {}},
        error_message="It broke." if status == "failed" else "",
        created_at=at,
        started_at=at,
        finished_at=at if status in TERMINAL else None,
    )
    Step.objects.create(
        execution=execution,
        number=1,
        kind="notify",
        effect="none",
        idempotency_key=f"{execution.pk}:1",
        state=StepState.DONE,
        request={"message": "Hi"},
        response={"ok": True},
        started_at=at,
    )
    return execution
