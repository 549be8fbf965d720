"""Tell that something happened, so that triggers listening for it run."""

from __future__ import annotations

from typing import Any

from agents import actions, params, templating
from agents.actions import ActionFailed, Effect, Scene
from crm.models import Workspace
from triggers import event_types, sources
from triggers.event_types import InvalidPayload
from triggers.sources import custom

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {
            "x-guarded": True,
            "type": "string",
            "title": "Event",
            "description": "The endpoint that custom and event triggers listen to, such as lead_qualified.",
            "minLength": 1,
            "maxLength": custom.MAX_ENDPOINT,
        },
        "data": {
            "type": "object",
            "title": "Data",
            "description": "What the event tells. For example contact_id: @contact.id",
            "default": {},
            "x-widget": "pairs",
        },
    },
    "required": ["name"],
    "additionalProperties": False,
}


def check(values: dict[str, Any], workspace: Workspace) -> dict[str, str]:
    name = values["name"]
    if templating.variables_in(name):
        return {}
    kind = event_types.find(name)
    if kind and kind.reserved:
        return {"name": str(custom.ReservedType(name))}
    problems = sources.find("custom").check({"endpoint": name}, workspace=workspace)
    return {"name": " ".join(problems["endpoint"])} if "endpoint" in problems else {}


@actions.register(
    name="emit_event",
    label="Emit event",
    description="Emits an event of your own; every trigger that listens for it runs, one level deeper.",
    schema=SCHEMA,
    effect=Effect.DATABASE,
    check=check,
    icon="campaign",
    output_sample={"event_id": "0190…", "event_type": "lead_qualified"},
)
def perform(scene: Scene, values: dict[str, Any]) -> dict[str, Any]:
    name = params.required_text(values, "name", max_length=custom.MAX_ENDPOINT)
    data = params.mapping(values, "data")
    try:
        event = custom.emit_custom_event(name, data, workspace_id=scene.workspace_id)
    except (custom.CannotEmit, custom.ReservedType, InvalidPayload) as error:
        raise ActionFailed(str(error)) from error
    return {"event_id": str(event.pk), "event_type": event.type}
