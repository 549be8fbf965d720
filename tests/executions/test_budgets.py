"""Budgets of language models: a runaway stops, a full day waits, and people hear of it in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from agents import blueprint
from agents.llm import Usage, prices
from agents.models import Agent, AgentStatus, ModelPrice
from config.lib import clock
from crm.models import Contact, Workspace
from executions import budgets
from executions.models import AgentGate, Alert, Execution, Reason, Spending, Status
from tests.agents.models import MakeProvider
from tests.agents.modelserver import Fault, ModelServer, Say
from tests.stories import MakeTrigger

pytestmark = pytest.mark.django_db(transaction=True)

Run = Callable[[], None]
Thinker = Callable[..., Agent]
NOTE = ("create_note", {"text": "again"})
COSTLY: dict[str, Any] = {"input_tokens": 100, "output_tokens": 100}


@pytest.fixture
def thinker(acme: Workspace, make_provider: MakeProvider, make_trigger: MakeTrigger) -> Thinker:
    """`thinker(max_tokens_per_day=500)`: a live agent on the model server, with budgets."""

    def make(**restrictions: Any) -> Agent:
        make_provider()
        agent = Agent(workspace=acme, status=AgentStatus.LIVE)
        given = {"model": "local:small", "tools": ["create_note"], "restrictions": restrictions}
        blueprint.store(agent, {"name": "Thinker", **given})
        make_trigger(agent, "contact_created")
        return agent

    return make


def happen(acme: Workspace, run: Run) -> Execution:
    Contact.objects.create(workspace=acme, email=f"{Contact.objects.count()}@example.org")
    run()
    return Execution.objects.latest("position")


def test_a_runaway_stops_one_call_after_its_budget(
    acme: Workspace, brain: ModelServer, thinker: Thinker, run_everything_due: Run
) -> None:
    thinker(max_tokens_per_run=500)
    brain.say(Say(calls=[NOTE], **COSTLY))
    run = happen(acme, run_everything_due)
    assert run.status == Status.FAILED
    assert "budget of 500 tokens" in run.error_message
    assert len(brain.asked) == 3, "200, 400, 600"
    assert budgets.of_run(run.pk).tokens == 600


def test_a_full_day_holds_runs_and_drops_none(
    acme: Workspace, brain: ModelServer, thinker: Thinker, run_everything_due: Run
) -> None:
    agent = thinker(max_tokens_per_day=300)
    brain.say(Say("Fine.", **COSTLY))
    assert happen(acme, run_everything_due).status == Status.COMPLETED
    assert happen(acme, run_everything_due).status == Status.COMPLETED
    held = happen(acme, run_everything_due)
    assert (held.status, held.reason) == (Status.QUEUED, Reason.BUDGET)
    assert held.run_at is not None
    assert "300 tokens for today" in held.error_message
    assert len(brain.asked) == 2

    blueprint.store(agent, {"restrictions": {"max_tokens_per_day": 5000}})
    Execution.objects.filter(pk=held.pk).update(run_at=clock.now())
    run_everything_due()
    held.refresh_from_db()
    assert (held.status, held.attempt, held.reason) == (Status.COMPLETED, 1, "")


def test_people_are_told_at_80_and_at_100_percent_once(
    acme: Workspace, brain: ModelServer, thinker: Thinker, run_everything_due: Run
) -> None:
    thinker(max_tokens_per_day=1000)
    brain.say(Say("Fine.", **COSTLY))
    for _ in range(3):
        happen(acme, run_everything_due)
    assert Alert.objects.count() == 0
    happen(acme, run_everything_due)
    assert "800 of 1,000 tokens" in Alert.objects.get().message
    happen(acme, run_everything_due)
    happen(acme, run_everything_due)
    assert Alert.objects.filter(kind="budget").count() == 2


def test_money_follows_the_workspaces_own_prices(
    acme: Workspace, brain: ModelServer, thinker: Thinker, run_everything_due: Run
) -> None:
    thinker(max_cost_per_day=0.25)
    ModelPrice.objects.create(
        workspace=acme, model="local:small", input_per_million=1000, output_per_million=2000
    )
    brain.say(Say("Fine.", **COSTLY))
    assert happen(acme, run_everything_due).status == Status.COMPLETED
    assert Spending.objects.get().cost == Decimal("0.3")
    assert happen(acme, run_everything_due).reason == Reason.BUDGET


def test_a_budget_of_money_lets_nothing_through_without_a_price(
    acme: Workspace, brain: ModelServer, thinker: Thinker, run_everything_due: Run
) -> None:
    thinker(max_cost_per_run=1)
    run = happen(acme, run_everything_due)
    assert run.status == Status.FAILED
    assert "Model prices" in run.error_message
    assert brain.asked == []


def test_what_is_under_way_counts_with_the_most_it_may_take(
    acme: Workspace, thinker: Thinker
) -> None:
    agent = thinker(max_tokens_per_day=1000)
    AgentGate.objects.get_or_create(agent=agent)
    meter = budgets.RunMeter(acme.pk, agent.pk, agent.pk)

    async def two() -> list[Any]:
        most = Usage(600, 600)
        asked = (meter.reserve("local:small", most=most) for _ in range(2))
        return await asyncio.gather(*asked, return_exceptions=True)

    outcomes = asyncio.run(two())
    assert sum(isinstance(one, budgets.BudgetSpent) for one in outcomes) == 1
    (ticket,) = (one for one in outcomes if isinstance(one, int))
    asyncio.run(meter.settle(ticket, Usage(10, 5)))
    assert budgets.of_day(agent, clock.now()).tokens == 15


def test_a_call_that_was_not_answered_is_not_counted(
    acme: Workspace, brain: ModelServer, thinker: Thinker, run_everything_due: Run
) -> None:
    thinker(max_tokens_per_day=1000)
    brain.say(Fault.SERVER_ERROR)
    happen(acme, run_everything_due)
    assert Spending.objects.count() == 0


def test_the_dashboard_draws_what_was_spent(acme: Workspace, owner: Any, client: Any) -> None:
    client.force_login(owner)
    assert "Language models" not in client.get("/").content.decode()
    common = {"workspace": acme, "agent_id": acme.pk, "execution_id": acme.pk, "model": "a:b"}
    for cost in (Decimal("1.25"), None):
        Spending.objects.create(
            **common, input_tokens=70, output_tokens=30, cost=cost, at=clock.now()
        )
    page = client.get("/").content.decode()
    assert "Today: 200 tokens in 2 calls, 1.25 dollars" in page


def test_generally_known_prices(acme: Workspace) -> None:
    million = Usage(1_000_000, 1_000_000)
    assert prices.cost_of(acme.pk, "offline:rules", million) == 0
    known = prices.cost_of(acme.pk, "openai:gpt-5", million)
    assert known is not None
    assert known > 1
    assert prices.cost_of(acme.pk, "openai:no-such-model", million) is None
    assert prices.cost_of(acme.pk, "our-vllm:llama", million) is None
