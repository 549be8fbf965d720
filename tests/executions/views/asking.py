"""Where triggers are asked for, with what, and which came."""

from __future__ import annotations

from typing import Any

from agents.models import Agent

URL = "/api/v1/triggers"


def body(agent: Agent, **more: Any) -> dict[str, Any]:
    return {
        "name": "New users",
        "agent_id": str(agent.pk),
        "trigger_type": "custom",
        "config": {"endpoint": "user_events"},
        **more,
    }


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["name"] for row in answer.json()["results"]]
