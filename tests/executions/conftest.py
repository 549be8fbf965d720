"""What tests of runs begin with: actions of their own, and an agent with one queued execution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agents import actions
from agents.actions import Action, Effect
from crm.models import Workspace
from executions import dispatcher
from executions.models import Execution
from tests.stories import MakeAgent, MakeTrigger
from triggers import events


@pytest.fixture
def act(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`act("explode", perform, effect=Effect.OUTSIDE)` adds an action for the length of a test."""

    def add(name: str, perform: Any, *, effect: Effect = Effect.OUTSIDE) -> None:
        action = Action(
            name=name,
            label=name,
            description="",
            schema={"type": "object"},
            effect=effect,
            perform=perform,
        )
        monkeypatch.setitem(actions.registry._entries, name, action)

    return add


@pytest.fixture
def start(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger
) -> Callable[..., Execution]:
    """`start({"action": "explode"}, max_attempts=1)`: an agent with these steps, one queued execution."""

    def make(*steps: dict[str, Any], name: str = "A", **limits: Any) -> Execution:
        agent = make_agent(name, *steps, restrictions=limits)
        make_trigger(agent, f"sale_{name.lower()}")
        events.emit(
            f"sale_{name.lower()}",
            workspace_id=acme.pk,
            payload={"contact": {"id": "1", "first_name": "Ann"}},
        )
        dispatcher.dispatch()
        return Execution.objects.get(agent=agent)

    return make
