"""The rows that each measure stands on: a workspace, agents without limits, and a history so that
tables are not empty.
"""

from __future__ import annotations

from pathlib import Path

from django.db import connection

from agents.models import Agent, AgentStatus
from config.lib.statements import Statements
from crm.models import Workspace
from executions.models import Status
from triggers import blueprint
from triggers.models import Trigger

NO_LIMITS = {
    "max_executions_per_minute": None,
    "max_executions_per_day": None,
    "max_concurrent": None,
    "max_attempts": 3,
    "timeout_seconds": 300,
}
# Every limit is asked, and none is reached.
HIGH_LIMITS = {
    **NO_LIMITS,
    "max_executions_per_minute": 1_000_000,
    "max_executions_per_day": 10_000_000,
    "max_concurrent": 1_000,
}
HIGH_TRIGGER_LIMITS = {
    "max_executions_per_hour": 1_000_000,
    "max_concurrent": 1_000,
    "max_age_seconds": 86_400,
}
_run = Statements(Path(__file__).parent / "sql").run
NOTIFY = [{"action": "notify", "params": {"message": "Hello @contact.first_name"}}]


def workspace(slug: str) -> Workspace:
    return Workspace.objects.create(name=slug, slug=slug)


def no_op_agent(
    owner: Workspace, *, event_type: str = "contact_created", name: str = "No-op", limited: bool
) -> Trigger:
    """An agent with one `notify` step, listening to the type; with no limit, or with all of them and none reached."""
    agent = Agent.objects.create(
        workspace=owner,
        name=name,
        steps=NOTIFY,
        restrictions=HIGH_LIMITS if limited else NO_LIMITS,
        status=AgentStatus.LIVE,
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
            **(HIGH_TRIGGER_LIMITS if limited else {}),
            "conditions": [{"field": "contact.email", "operator": "exists"}],
        },
    )
    return trigger


def history(trigger: Trigger, *, rows: int, status: Status = Status.COMPLETED) -> None:
    """Executions of earlier events, so that plans and indexes are those of a system in use; or queued ones."""
    _run(
        "insert_history",
        {
            "workspace": trigger.workspace_id,
            "trigger": trigger.pk,
            "agent": trigger.agent_id,
            "rows": rows,
            "status": status,
            "ended": status == Status.COMPLETED,
        },
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE executions_execution, triggers_event")
