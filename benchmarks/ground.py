"""The rows that each measure stands on: a workspace, agents without limits, and a history so that
tables are not empty.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import connection

from agents.models import Agent, AgentStatus
from config.lib.ids import uuid7
from crm.models import Workspace
from executions.models import Execution, Status
from triggers import blueprint
from triggers.models import Event, EventState, Trigger

NO_LIMITS = {
    "max_executions_per_minute": None,
    "max_executions_per_day": None,
    "max_concurrent": None,
    "max_attempts": 3,
    "timeout_seconds": 300,
}
NOTIFY = [{"action": "notify", "params": {"message": "Hello @contact.first_name"}}]


def workspace(slug: str) -> Workspace:
    return Workspace.objects.create(name=slug, slug=slug)


def no_op_agent(owner: Workspace, *, event_type: str, name: str = "No-op") -> Trigger:
    """An agent with one `notify` step and no limit, listening to the type."""
    agent = Agent.objects.create(
        workspace=owner, name=name, steps=NOTIFY, restrictions=NO_LIMITS, status=AgentStatus.LIVE
    )
    trigger = Trigger(workspace=owner)
    blueprint.store(
        trigger,
        {
            "name": f"{name} on {event_type}",
            "agent_id": str(agent.pk),
            "trigger_type": "event",
            "config": {"event_type": event_type},
            "max_executions_per_hour": None,
            "conditions": [{"field": "contact.email", "operator": "exists"}],
        },
    )
    return trigger


def history(trigger: Trigger, *, rows: int) -> None:
    """Completed executions of earlier events, so that plans and indexes are those of a system in use."""
    now = dt.datetime.now(dt.UTC)
    about: dict[str, Any] = {
        "workspace_id": trigger.workspace_id,
        "type": "contact_created",
        "topic": "contact_created",
    }
    for start in range(0, rows, 2_000):
        events = [
            Event(
                **about,
                id=(pk := uuid7()),
                source="crm",
                payload={"contact": {}},
                occurred_at=now,
                root_id=pk,
                state=EventState.MATCHED,
                executions_count=1,
            )
            for _ in range(min(2_000, rows - start))
        ]
        Event.objects.bulk_create(events)
        Execution.objects.bulk_create(
            Execution(
                workspace_id=trigger.workspace_id,
                event=event,
                trigger=trigger,
                agent_id=trigger.agent_id,
                listener_id=trigger.pk,
                trigger_name=trigger.name,
                agent_name="No-op",
                trigger_type="event: contact_created",
                status=Status.COMPLETED,
                attempt=1,
                created_at=now,
                started_at=now,
                finished_at=now,
            )
            for event in events
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
