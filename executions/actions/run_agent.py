"""Start another agent of the workspace, and go on without waiting for it."""

from __future__ import annotations

from typing import Any

from agents import actions, params, templating
from agents.actions import ActionFailed, Effect, Scene
from agents.models import Agent
from crm.models import Workspace
from executions import launch

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "agent": {
            "x-guarded": True,
            "type": "string",
            "title": "Agent",
            "description": "Its name or id.",
            "minLength": 1,
            "maxLength": 300,
            "x-widget": "agent",
        },
        "inputs": {
            "type": "object",
            "title": "Inputs",
            "description": "What its steps read as @inputs.<name>.",
            "default": {},
            "x-widget": "pairs",
        },
    },
    "required": ["agent"],
    "additionalProperties": False,
}


def check(values: dict[str, Any], workspace: Workspace) -> dict[str, str]:
    if templating.variables_in(values["agent"]):
        return {}
    try:
        _find(workspace.pk, values["agent"])
    except ActionFailed as error:
        return {"agent": str(error)}
    return {}


@actions.register(
    name="run_agent",
    label="Run agent",
    description="Starts another agent with these inputs and goes on without waiting for it.",
    schema=SCHEMA,
    effect=Effect.DATABASE,
    check=check,
    icon="smart_toy",
    output_sample={"execution_id": "0190…", "agent_id": "0190…", "status": "queued", "reason": ""},
)
def perform(scene: Scene, values: dict[str, Any]) -> dict[str, Any]:
    agent = _find(scene.workspace_id, params.required_text(values, "agent", max_length=300))
    execution = launch.run_now(
        agent, inputs=params.mapping(values, "inputs"), actor=f"agent:{scene.agent_id}"
    )
    return {
        "execution_id": str(execution.pk),
        "agent_id": str(agent.pk),
        "status": execution.status,
        "reason": execution.reason,
    }


def _find(workspace_id: Any, name: str) -> Agent:
    agents = Agent.objects.filter(workspace_id=workspace_id)
    pk = params.as_uuid(name)
    agent = (agents.filter(pk=pk).first() if pk else None) or agents.filter(name=name).first()
    if agent is None:
        raise ActionFailed(f"There is no agent {name[:100]!r} in this workspace.")
    return agent
