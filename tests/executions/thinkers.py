"""Live agents on the model server, with budgets, and runs of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from agents import blueprint
from agents.models import Agent, AgentStatus, ModelProvider
from crm.models import Contact, Workspace
from executions.models import Execution
from tests.agents.models import MakeProvider
from tests.stories import MakeTrigger

Run = Callable[[], None]
Thinker = Callable[..., Agent]
NOTE = ("create_note", {"text": "again"})
LITTLE = dt.timedelta(seconds=1)
COSTLY: dict[str, Any] = {"input_tokens": 100, "output_tokens": 100}


@pytest.fixture
def thinker(acme: Workspace, make_provider: MakeProvider, make_trigger: MakeTrigger) -> Thinker:
    """`thinker("Name", max_tokens_per_day=500)`: a live agent on the model server, with budgets."""

    def make(name: str = "Thinker", **restrictions: Any) -> Agent:
        if not ModelProvider.objects.exists():
            make_provider()
        agent = Agent(workspace=acme, status=AgentStatus.LIVE)
        given = {"model": "local:small", "tools": ["create_note"], "restrictions": restrictions}
        blueprint.store(agent, {"name": name, **given})
        make_trigger(agent, "contact_created")
        return agent

    return make


def happen(acme: Workspace, run: Run) -> Execution:
    Contact.objects.create(workspace=acme, email=f"{Contact.objects.count()}@example.org")
    run()
    return Execution.objects.latest("position")
