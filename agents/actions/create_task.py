"""Give somebody something to do."""

from __future__ import annotations

import datetime as dt
from typing import Any

from agents import actions, params, records
from agents.actions import ActionFailed, Effect, Scene
from config.lib import clock, json
from crm.models import Task, Workspace

MAX_DAYS = 3650

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {
            "type": "string",
            "title": "What to do",
            "description": "For example: Call @contact.first_name back",
            "minLength": 1,
            "maxLength": 2000,
        },
        "due_in_days": {
            "type": "number",
            "title": "Due in days",
            "description": "Counted from the moment the step runs.",
            "minimum": 0,
            "maximum": MAX_DAYS,
        },
        "due_at": {
            "type": "string",
            "title": "Due at",
            "description": "Instead of days: a date or a time, UTC unless it says otherwise.",
            "format": "date-time",
        },
        "owner": {
            "x-guarded": True,
            "type": "string",
            "title": "For whom",
            "description": "E-mail address, user name or id of a member; empty for the owner of the deal or contact.",
            "maxLength": 2000,
            "x-widget": "member",
        },
        **records.ABOUT,
    },
    "required": ["title"],
    "additionalProperties": False,
}


def check(values: dict[str, Any], workspace: Workspace) -> dict[str, str]:
    if values.get("due_at") and values.get("due_in_days") is not None:
        return {"due_at": "Give due_in_days or due_at, not both."}
    return {}


@actions.register(
    name="create_task",
    label="Create task",
    description="Puts a task on somebody's list, about the contact and the deal of the event, or about others.",
    schema=SCHEMA,
    effect=Effect.DATABASE,
    check=check,
    icon="add_task",
    output_sample={
        "task_id": "0190…",
        "due_at": "2026-11-03T09:30:00.000000Z",
        "contact_id": "0190…",
        "deal_id": None,
    },
)
def perform(scene: Scene, values: dict[str, Any]) -> dict[str, Any]:
    contact, deal = records.about(scene, values)
    owner = records.owner_of(scene, values)
    if owner is None:
        owner = (deal.owner if deal else None) or (contact.owner if contact else None)
    task = Task(
        workspace_id=scene.workspace_id,
        contact=contact,
        opportunity=deal,
        title=params.required_text(values, "title", max_length=300),
        due_at=_due_at(values),
        owner=owner,
    )
    task.save()
    due_at = json.timestamp(task.due_at) if task.due_at else None
    return {"task_id": str(task.pk), "due_at": due_at, **records.about_output(contact, deal)}


def _due_at(values: dict[str, Any]) -> dt.datetime | None:
    days = params.number(values, "due_in_days", minimum=0, maximum=MAX_DAYS)
    due_at = params.moment(values, "due_at")
    if days is None:
        return due_at
    if due_at is not None:
        raise ActionFailed("Give due_in_days or due_at, not both.")
    return clock.now() + dt.timedelta(days=days)
