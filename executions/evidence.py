"""What a failed run was made of, kept with the run: the event, the agent and the trigger as they were at that moment.

Later the agent may have been changed or deleted, and the event's payload may be gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agents.models import Agent
from config.lib import json
from config.lib.secrets import redact
from executions.models import Execution
from triggers.models import Event, Trigger

_OF_AGENT = ("name", "version", "steps", "restrictions", "instructions", "model", "tools")
_OF_TRIGGER = (
    *("name", "version", "trigger_type", "config", "conditions", "input_mapping", "default_inputs"),
    *("max_concurrent", "cooldown_seconds", "max_executions_per_hour", "max_age_seconds"),
    *("failure_threshold", "allow_reentry", "fail_open"),
)
_OF_EVENT = ("type", "source", "subject", "payload")


def gather(executions: Sequence[Execution]) -> list[dict[str, Any]]:
    """`{"event", "agent", "trigger"}` for each, in their order, without secrets; null where something is gone.

    One query for the triggers; events and agents are taken from the rows where these have them loaded.
    """
    ids = {execution.trigger_id for execution in executions if execution.trigger_id}
    triggers: dict[Any, Trigger] = Trigger.objects.in_bulk(ids) if ids else {}
    return [
        redact(
            json.sanitise(
                {
                    "event": _fields(execution.event, _OF_EVENT),
                    "agent": _fields(execution.agent, _OF_AGENT),
                    "trigger": _fields(triggers.get(execution.trigger_id), _OF_TRIGGER),
                }
            )
        )
        for execution in executions
    ]


def _fields(row: Event | Agent | Trigger | None, names: Sequence[str]) -> dict[str, Any] | None:
    return {name: getattr(row, name) for name in names} if row is not None else None
