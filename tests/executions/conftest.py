"""What tests of runs begin with: actions of their own, an agent with one queued execution, and what starts runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agents import actions
from agents.actions import Action, Effect
from agents.models import Agent, AgentStatus
from crm.models import Workspace
from executions import dispatcher
from executions.models import Execution
from tests.agents.models import MakeProvider
from tests.executions.offers import TEXT, Offer
from tests.stories import MakeAgent, MakeTrigger
from triggers import events
from triggers.models import Trigger

pytest.register_assert_rewrite("tests.executions.company")


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


@pytest.fixture
def offer(acme: Workspace, make_provider: MakeProvider, make_trigger: MakeTrigger) -> Offer:
    """`offer({"amount": AMOUNT})`: somebody wrote, and a run with this mapping is queued."""

    def make(
        mapping: dict[str, Any],
        *,
        steps: list[dict[str, Any]] | None = None,
        text: str = TEXT,
        agent: dict[str, Any] | None = None,
        **trigger: Any,
    ) -> Execution:
        make_provider()
        told = {"action": "notify", "params": {"message": "Offered: @inputs.amount"}}
        fields = {"model": "local:small", "steps": [told] if steps is None else steps}
        mine = Agent.objects.create(
            workspace=acme, name="Buyer", status=AgentStatus.LIVE, **(fields | (agent or {}))
        )
        make_trigger(mine, "offer_made", input_mapping=mapping, **trigger)
        events.emit(
            "offer_made",
            workspace_id=acme.pk,
            payload={"mail": {"text": text, "from": "ann@example.org"}, "order": 7},
        )
        dispatcher.dispatch()
        return Execution.objects.get()

    return make


@pytest.fixture
def after(make_trigger: MakeTrigger) -> Callable[..., Trigger]:
    """`after(first, then, status="any")`: `then` runs when a run of `first` has ended."""

    def make(first: Agent, then: Agent, *, allow_reentry: bool = False, **config: Any) -> Trigger:
        return make_trigger(
            then,
            f"end of {first.name}",
            trigger_type="agent_completed",
            allow_reentry=allow_reentry,
            config={"source_agent_id": str(first.pk), **config},
        )

    return make
