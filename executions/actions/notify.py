"""Show the people of the workspace a message. It is news, not a record: who is not looking misses it."""

from __future__ import annotations

from typing import Any

from agents import actions, params
from agents.actions import Effect, Scene
from executions import live

LEVELS = ("info", "success", "warning", "error")
MAX_MESSAGE = 1000

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "message": {
            "type": "string",
            "title": "Message",
            "description": "For example: @deal.name is won, @deal.value @deal.currency!",
            "minLength": 1,
            "maxLength": 5000,
            "x-widget": "textarea",
        },
        "level": {"type": "string", "title": "Kind", "enum": list(LEVELS), "default": "info"},
    },
    "required": ["message"],
    "additionalProperties": False,
}


@actions.register(
    name="notify",
    label="Notify",
    description="Shows a message to everybody who has the dashboard or the admin open.",
    schema=SCHEMA,
    effect=Effect.NONE,
    icon="notifications",
    output_sample={"message": "Big deal is won"},
)
async def perform(scene: Scene, values: dict[str, Any]) -> dict[str, Any]:
    message = params.required_text(values, "message")[:MAX_MESSAGE]
    level = values.get("level")
    live.push(
        scene.workspace_id,
        {
            "type": "notice",
            "level": level if level in LEVELS else "info",
            "message": message,
            "agent_id": scene.agent_id,
            "agent_name": scene.agent_name,
            "execution_id": scene.execution_id,
        },
    )
    return {"message": message}
