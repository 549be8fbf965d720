"""Budgets of language models: a runaway stops, a full day waits, and people hear of it in time."""

from __future__ import annotations

import asyncio
import uuid
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from agents import blueprint
from agents.llm import Usage
from agents.models import ModelPrice
from config.lib import clock
from crm.models import Workspace
from executions import budgets, waiting
from executions.models import AgentGate, Alert, Execution, Reason, Spending, Status
from executions.spending_days import Spent
from tests.agents.modelserver import ModelServer, Say
from tests.executions import thinkers
from tests.executions.thinkers import COSTLY, LITTLE, NOTE, Run, Thinker, happen

pytestmark = pytest.mark.django_db(transaction=True)
thinker = thinkers.thinker


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


def test_a_model_that_uses_tools_for_ever_stops_after_its_turns(
    acme: Workspace, brain: ModelServer, thinker: Thinker, run_everything_due: Run
) -> None:
    thinker()
    brain.say(Say(calls=[NOTE]))
    run = happen(acme, run_everything_due)
    assert run.status == Status.FAILED
    assert "no answer within 25 turns" in run.error_message
    assert len(brain.asked) == 25
    assert run.usage["model_calls"] == 25


def test_runaways_side_by_side_stop_one_call_after_the_workspaces_budget(
    acme: Workspace, brain: ModelServer, thinker: Thinker, run_everything_due: Run
) -> None:
    for number in range(4):
        thinker(f"Runaway {number}")
    Workspace.objects.filter(pk=acme.pk).update(budgets={"max_tokens_per_day": 12_000})
    brain.say(Say(calls=[NOTE], **COSTLY))
    happen(acme, run_everything_due)
    for _ in range(12):
        look_again(*Execution.objects.filter(reason=Reason.BUDGET))
        run_everything_due()
    spent = budgets.of_workspace_day(acme, clock.now())
    assert spent.calls == len(brain.asked)
    assert 12_000 <= spent.tokens < 12_000 + 200
    ended = Execution.objects.filter(status=Status.FAILED, error_message__contains="25 turns")
    held = Execution.objects.filter(status=Status.QUEUED)
    assert ended.count() + held.count() == 4, "none is dropped"
    assert held.exists()


def test_a_full_day_holds_runs_and_drops_none(
    acme: Workspace, brain: ModelServer, thinker: Thinker, run_everything_due: Run
) -> None:
    agent = thinker(max_tokens_per_day=300)
    brain.say(Say(calls=[NOTE], **COSTLY), Say(calls=[NOTE], **COSTLY), Say("Fine.", **COSTLY))
    held = happen(acme, run_everything_due)
    assert (held.status, held.reason) == (Status.QUEUED, Reason.BUDGET)
    assert held.run_at is not None
    assert "300 tokens for today" in held.error_message
    queued = happen(acme, run_everything_due)
    assert (queued.status, queued.attempt, queued.run_at) == (Status.QUEUED, 0, None)
    assert len(brain.asked) == 2

    blueprint.store(agent, {"restrictions": {"max_tokens_per_day": 500_000}})
    look_again(held)
    run_everything_due()
    for run in (held, queued):
        run.refresh_from_db()
        assert (run.status, run.attempt, run.reason) == (Status.COMPLETED, 1, "")
    assert len(brain.asked) == 4, "no finished step is repeated"


@pytest.mark.parametrize("whose", ["agent", "workspace"])
def test_a_budget_that_is_raised_lets_what_waits_go_on_at_once(
    whose: str,
    acme: Workspace,
    brain: ModelServer,
    thinker: Thinker,
    run_everything_due: Run,
    api: APIClient,
) -> None:
    small, large = {"max_tokens_per_day": 300}, {"max_tokens_per_day": 500_000}
    agent = thinker(**(small if whose == "agent" else {}))
    if whose == "workspace":
        api.patch("/api/v1/workspace", {"budgets": small})
    brain.say(Say(calls=[NOTE], **COSTLY), Say(calls=[NOTE], **COSTLY), Say("Fine.", **COSTLY))
    held, queued = happen(acme, run_everything_due), happen(acme, run_everything_due)
    assert [run.status for run in (held, queued)] == [Status.QUEUED] * 2
    api.patch(f"/api/v1/agents/{agent.pk}", {"description": "Still without room"})
    held.refresh_from_db()
    assert held.run_at is not None
    assert held.run_at > clock.now() + LITTLE

    answer = (
        api.patch(f"/api/v1/agents/{agent.pk}", {"restrictions": large})
        if whose == "agent"
        else api.patch("/api/v1/workspace", {"budgets": large})
    )
    assert answer.status_code == 200, answer.content
    run_everything_due()
    for run in (held, queued):
        run.refresh_from_db()
        assert (run.status, run.attempt, run.reason) == (Status.COMPLETED, 1, "")


def look_again(*held: Execution) -> None:
    """As some minutes later."""
    Execution.objects.filter(pk__in=[run.pk for run in held]).update(run_at=clock.now())
    AgentGate.objects.update(next_eligible_at=clock.now())


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


def test_people_are_told_of_a_budget_that_was_used_up_when_it_was_set(
    acme: Workspace, brain: ModelServer, thinker: Thinker, run_everything_due: Run
) -> None:
    agent = thinker()
    brain.say(Say("Fine.", **COSTLY))
    happen(acme, run_everything_due)
    blueprint.store(agent, {"restrictions": {"max_tokens_per_day": 50}})
    waits = happen(acme, run_everything_due)
    assert waits.status == Status.QUEUED
    assert "of 50 tokens for today. Its runs wait" in Alert.objects.get(kind="budget").message
    look_again(waits)
    run_everything_due()
    assert Alert.objects.filter(kind="budget").count() == 1


def test_a_day_of_the_workspace_is_shared_by_its_agents(
    acme: Workspace, brain: ModelServer, thinker: Thinker, run_everything_due: Run
) -> None:
    for name in ("One", "Two"):
        thinker(name)
    Workspace.objects.filter(pk=acme.pk).update(budgets={"max_tokens_per_day": 500})
    brain.say(Say("Fine.", **COSTLY))
    for _ in range(3):
        happen(acme, run_everything_due)
        look_again(*Execution.objects.filter(reason=Reason.BUDGET))
        run_everything_due()
    assert len(brain.asked) == 3, "200, 400, 600"
    waits = Execution.objects.filter(status=Status.QUEUED)
    told = [waiting.why(run) for run in waits.select_related("agent", "trigger", "workspace")]
    assert any("The workspace Acme has used up its budget of 500 tokens" in why for why in told)
    messages = Alert.objects.order_by("pk").values_list("message", flat=True)
    assert [text.partition(" for")[0] for text in messages] == [
        "The workspace Acme has used 400 of 500 tokens",
        "The workspace Acme has used 600 of 500 tokens",
    ]

    Workspace.objects.filter(pk=acme.pk).update(budgets={"max_tokens_per_day": 500_000})
    look_again(*waits.filter(reason=Reason.BUDGET))
    run_everything_due()
    assert not waits.exists()


def test_a_workspaces_day_is_passed_by_one_call_at_most_however_many_run_side_by_side(
    acme: Workspace, brain: ModelServer, thinker: Thinker, run_everything_due: Run
) -> None:
    agents = [thinker(f"Agent {number}") for number in range(4)]
    Workspace.objects.filter(pk=acme.pk).update(budgets={"max_cost_per_day": 0.5})
    ModelPrice.objects.create(
        workspace=acme, model="local:small", input_per_million=1000, output_per_million=2000
    )
    meters: list[Any] = [
        budgets.RunMeter(acme.pk, agent.pk, uuid.uuid4()) for agent in agents for _ in range(5)
    ] + [budgets.WorkspaceMeter(acme.pk)] * 5

    async def all_at_once() -> list[Any]:
        most = Usage(100, 0)  # 0.1 dollars
        asked = (meter.reserve("local:small", most=most) for meter in meters)
        return await asyncio.gather(*asked, return_exceptions=True)

    outcomes = asyncio.run(all_at_once())
    assert sum(isinstance(one, int) for one in outcomes) == 5
    assert sum(isinstance(one, budgets.BudgetSpent) for one in outcomes) == 20
    assert budgets.of_workspace_day(acme, clock.now()) == Spent(500, Decimal("0.5"), 5)


def test_drafts_count_in_the_day_of_the_workspace_and_wait_for_nothing(acme: Workspace) -> None:
    Workspace.objects.filter(pk=acme.pk).update(budgets={"max_tokens_per_day": 100})
    meter = budgets.WorkspaceMeter(acme.pk)

    async def twice() -> None:
        ticket = await meter.reserve("offline:rules", most=Usage(5000, 5000))
        assert await meter.settle(ticket, Usage(60, 40)) == 0
        await meter.reserve("offline:rules", most=Usage(1, 1))

    with pytest.raises(budgets.BudgetSpent, match="Try again tomorrow"):
        asyncio.run(twice())
    call = Spending.objects.get()
    assert (call.agent_id, call.execution_id, call.is_settled) == (None, None, True)
