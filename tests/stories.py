"""Fixtures of stories: agents that are live, triggers that listen, and a way to let everything happen."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from agents.models import Agent, AgentStatus
from crm.models import Workspace
from executions import dispatcher, executor, performing, sweep
from triggers import blueprint
from triggers.models import Trigger

MakeAgent = Callable[..., Agent]
MakeTrigger = Callable[..., Trigger]


@pytest.fixture
def make_agent(acme: Workspace) -> MakeAgent:
    """`make_agent("Greeter", {"action": "create_note", "params": {...}})`: a live agent with these steps."""

    def make(
        name: str, *steps: dict[str, Any], workspace: Workspace = acme, **fields: Any
    ) -> Agent:
        fields.setdefault("status", AgentStatus.LIVE)
        return Agent.objects.create(workspace=workspace, name=name, steps=list(steps), **fields)

    return make


@pytest.fixture
def make_trigger() -> MakeTrigger:
    """`make_trigger(agent, "contact_created", conditions=[...])`: an active trigger on an event type."""

    def make(agent: Agent, event_type: str, **fields: Any) -> Trigger:
        trigger = Trigger(workspace=agent.workspace, agent=agent)
        given = {
            "name": f"{agent.name} on {event_type}",
            "agent_id": str(agent.pk),
            "trigger_type": "event",
            "config": {"event_type": event_type},
            **fields,
        }
        blueprint.store(trigger, given)
        return trigger

    return make


@pytest.fixture
def run_everything_due(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], None]:
    """Dispatches and runs until nothing is due, as the workers would. A retry waits as long as it may: else it would
    now and then be due at once.
    """
    longest = SimpleNamespace(uniform=lambda _, most: most)
    monkeypatch.setattr(performing, "random", longest)

    def run() -> None:
        for _ in range(20):
            sweep.sweep()
            if not dispatcher.dispatch() + executor.drain():
                return
        raise AssertionError("still busy after 20 rounds")

    return run
