"""A condition in words with examples, which asks for prices, and an agent whose model answers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agents import blueprint as agent_blueprint
from agents.models import Agent, AgentStatus
from crm.models import Workspace
from tests.agents.models import MakeProvider
from tests.agents.modelserver import ModelServer, Reply, Say

URL = "/api/v1/triggers"
ASKED: dict[str, Any] = {
    "type": "llm",
    "description": "The message asks for prices.",
    "context_fields": ["form.fields.message"],
    "examples": [
        {"input": "What does it cost?", "expected": True},
        {"input": "Thank you for the cake", "expected": False},
    ],
}


def verdict(match: bool, confidence: float = 0.9) -> Say:
    said = {"match": match, "reason": "So it says.", "evidence": "", "confidence": confidence}
    return Say(calls=[("answer", said)])


def by_words(*words: str) -> Callable[[dict[str, Any]], Reply]:
    """A model that says yes where the data has one of the words."""
    return lambda body: verdict(any(word in str(body["messages"][-1]) for word in words))


@pytest.fixture
def thinker(acme: Workspace, make_provider: MakeProvider, brain: ModelServer) -> Agent:
    make_provider()
    brain.think = by_words("cost", "price")
    agent = Agent(workspace=acme, status=AgentStatus.LIVE)
    agent_blueprint.store(agent, {"name": "Sales", "model": "local:small"})
    return agent


def body_of(agent: Agent, **fields: Any) -> dict[str, Any]:
    return {
        "name": "Prices",
        "agent_id": str(agent.pk),
        "trigger_type": "event",
        "config": {"event_type": "form_submitted"},
        "conditions": ASKED,
        **fields,
    }
