"""What live messages say: one builder per type, dictionaries only, cheap enough to be made thousands of times a second.

Ids stay UUIDs and times datetimes here; `executions.live` writes the JSON in its own thread and adds `seq` and `at`.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from agents.models import Agent
    from crm.models import Workspace
    from executions.models import Alert, Execution
    from triggers.models import Event

Notice = dict[str, Any]
Change = Literal["queued", "started", "step", "finished", "skipped"]


def execution_changed(
    change: Change, execution: Execution, *, step: dict[str, Any] | None = None
) -> Notice:
    """`execution:<change>`; `step` of a `step` notice: `{"number", "kind", "state"}`."""
    notice: Notice = {
        "type": f"execution:{change}",
        "execution_id": execution.id,
        "event_id": execution.event_id,
        "agent_id": execution.agent_id,
        "agent_name": execution.agent_name,
        "trigger_id": execution.trigger_id,
        "trigger_name": execution.trigger_name,
        "status": execution.status,
        "reason": execution.reason,
        "is_test": execution.is_test,
        "attempt": execution.attempt,
    }
    if step is not None:
        notice["step"] = step
    return notice


def event_dispatched(event: Event, *, executions_count: int) -> Notice:
    """An event was answered for: so many executions listen to it, perhaps none."""
    return {
        "type": "event:dispatched",
        "event_id": event.id,
        "event_type": event.type,
        "subject": event.subject,
        "executions_count": executions_count,
    }


def event_triggered(event: Event, *, agent_id: uuid.UUID | None) -> Notice:
    """An event reached an agent that listens."""
    return {
        "type": "agent:event-triggered",
        "agent_id": agent_id,
        "event_id": event.id,
        "event_type": event.type,
        "event_context": _context(event.payload),
        "timestamp": event.occurred_at,
    }


def _context(payload: dict[str, Any]) -> dict[str, Any]:
    context = {}
    for root, key in (("contact", "id"), ("deal", "id"), ("form", "form_id")):
        record = payload.get(root)
        if isinstance(record, dict) and record.get(key):
            context[f"{root}_id"] = record[key]
    return context


def rate_limited(*, agent_id: uuid.UUID, per_minute: int, retry_in: int) -> Notice:
    """Runs of an agent wait for the next free place; `retry_in` in whole seconds."""
    return {
        "type": "execution:rate-limited",
        "agent_id": agent_id,
        "reason": f"Rate limit exceeded ({per_minute}/min)",
        "retry_in": retry_in,
        "message": "Rate limit reached, queued",
    }


def auto_paused(*, agent_id: uuid.UUID, reason: str) -> Notice:
    """The system paused an agent; `reason` in words for its owner."""
    return {"type": "agent:auto-paused", "agent_id": agent_id, "reason": reason}


def trigger_error(
    *, trigger_id: uuid.UUID, message: str, agent_id: uuid.UUID | None = None
) -> Notice:
    """A trigger stopped listening because something is wrong with it."""
    return {
        "type": "trigger:error",
        "trigger_id": trigger_id,
        "agent_id": agent_id,
        "message": message,
    }


def alert_raised(alert: Alert) -> Notice:
    return {
        "type": "alert:raised",
        "alert_id": alert.id,
        "kind": alert.kind,
        "message": alert.message,
        "agent_id": alert.agent_id,
        "execution_id": alert.execution_id,
    }


def alerts_changed() -> Notice:
    """Somebody saw or resolved alerts."""
    return {"type": "alerts:changed"}


def agent_changed(agent: Agent) -> Notice:
    """Somebody changed an agent's status."""
    return {
        "type": "agent:changed",
        "agent_id": agent.id,
        "agent_name": agent.name,
        "status": agent.status,
    }


def workspace_changed(workspace: Workspace) -> Notice:
    """ "Pause everything" was switched."""
    return {"type": "workspace:changed", "paused": workspace.paused}


def overflow() -> Notice:
    """More happened than is told one by one: a page reads the database again."""
    return {"type": "overflow"}
