"""An agent with a trigger, rows of the past, and a workspace with a model of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agents.models import Agent, AgentStatus
from crm.models import Workspace
from executions.models import Execution, Status
from tests.agents.models import MakeProvider
from triggers import blueprint, events
from triggers.models import Event, Trigger

MakeTrigger = Callable[..., Trigger]
MakeExecution = Callable[..., Execution]


@pytest.fixture
def agent(acme: Workspace) -> Agent:
    steps = [{"action": "notify", "params": {"message": "Hello"}}]
    return Agent.objects.create(
        workspace=acme, name="Greeter", status=AgentStatus.LIVE, steps=steps
    )


@pytest.fixture
def make_trigger(agent: Agent) -> MakeTrigger:
    def make(name: str = "Signed up", **fields: Any) -> Trigger:
        trigger = Trigger(workspace=agent.workspace)
        blueprint.store(
            trigger,
            {
                "name": name,
                "agent_id": str(agent.pk),
                "trigger_type": "custom",
                "config": {"endpoint": "signed_up"},
                **fields,
            },
        )
        return trigger

    return make


@pytest.fixture
def trigger(make_trigger: MakeTrigger) -> Trigger:
    return make_trigger()


@pytest.fixture
def event(acme: Workspace) -> Event:
    payload = {"endpoint": "signed_up", "data": {"plan": "pro", "password": "hunter2"}}
    return events.emit(
        "signed_up", workspace_id=acme.pk, payload=payload, subject="contact:1", source="custom"
    )


@pytest.fixture
def make_execution(trigger: Trigger, event: Event) -> MakeExecution:
    """A row of the ledger; each further one is a replay of the same event."""

    def make(**fields: Any) -> Execution:
        values: dict[str, Any] = {
            "workspace": trigger.workspace,
            "event": event,
            "trigger": trigger,
            "agent": trigger.agent,
            "trigger_name": trigger.name,
            "agent_name": trigger.agent.name,
            "trigger_type": "custom: signed_up",
            "listener_id": trigger.pk,
            "replay_no": Execution.objects.filter(event=event).count(),
            "status": Status.COMPLETED,
        }
        return Execution.objects.create(**values | fields)

    return make


@pytest.fixture
def local(make_provider: MakeProvider, acme: Workspace) -> Workspace:
    """Acme with the local model as its default."""
    make_provider()
    acme.default_model = "local:small"
    acme.save()
    return acme
