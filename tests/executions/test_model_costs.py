"""What calls of models cost: prices, budgets of money, where it is told, and what a failed call leaves."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from agents import blueprint
from agents.llm import Usage, prices
from agents.models import ModelPrice
from config.lib import clock
from crm.models import Workspace
from executions import spending_days, waiting
from executions.models import Execution, Spending, Status
from executions.pages import thinking
from executions.spending_days import Spent
from tests.agents.modelserver import ModelServer, Say
from tests.executions import thinkers
from tests.executions.thinkers import COSTLY, NOTE, Run, Thinker, happen
from tests.stories import MakeAgent

pytestmark = pytest.mark.django_db(transaction=True)
thinker = thinkers.thinker


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
    waits = happen(acme, run_everything_due)
    assert (waits.status, waits.attempt) == (Status.QUEUED, 0)
    waits = Execution.objects.select_related("agent", "trigger", "workspace").get(pk=waits.pk)
    assert "Thinker has used up its budget of 0.25 dollars" in waiting.why(waits)


def test_a_budget_of_money_lets_nothing_through_without_a_price(
    acme: Workspace, brain: ModelServer, thinker: Thinker, run_everything_due: Run
) -> None:
    thinker(max_cost_per_run=1)
    run = happen(acme, run_everything_due)
    assert run.status == Status.FAILED
    assert "Model prices" in run.error_message
    assert brain.asked == []


def test_a_day_of_models_without_a_price_is_told_where_the_workspace_counts_money(
    acme: Workspace, brain: ModelServer, thinker: Thinker, run_everything_due: Run
) -> None:
    thinker()
    Workspace.objects.filter(pk=acme.pk).update(budgets={"max_cost_per_day": 5})
    run = happen(acme, run_everything_due)
    assert run.status == Status.FAILED
    assert "The workspace Acme has a budget of money" in run.error_message
    assert brain.asked == []


def test_steps_and_runs_say_what_they_cost(
    acme: Workspace, brain: ModelServer, thinker: Thinker, run_everything_due: Run, api: Any
) -> None:
    thinker()
    brain.say(Say(calls=[NOTE], **COSTLY), Say("Fine.", **COSTLY))
    unpriced = happen(acme, run_everything_due)
    assert unpriced.usage["cost"] is None
    ModelPrice.objects.create(
        workspace=acme, model="local:small", input_per_million=1, output_per_million=2
    )
    brain.say(Say(calls=[NOTE], **COSTLY), Say("Fine.", **COSTLY))
    run = happen(acme, run_everything_due)
    told = api.get(f"/api/v1/executions/{run.pk}").json()
    assert told["usage"] == {
        "model_calls": 2, "input_tokens": 200, "output_tokens": 200, "cost": 0.0006
    }  # fmt: skip
    costs = [step["usage"].get("cost") for step in told["steps"]]
    assert costs == [0.0003, None, 0.0003]


def test_a_failure_keeps_what_the_model_was_asked_and_what_it_said(
    acme: Workspace, brain: ModelServer, thinker: Thinker, run_everything_due: Run
) -> None:
    agent = thinker()
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    blueprint.store(agent, {"output_schema": schema, "instructions": "Count."})
    brain.say(Say("About seven, I think."))
    run = happen(acme, run_everything_due)
    assert "It answered: About seven, I think." in run.error_message
    step = run.steps.get()
    assert step.request["instructions"] == "Count."
    assert "About seven" in step.error_message


def test_an_answer_of_no_use_is_paid_for_all_the_same(
    acme: Workspace, brain: ModelServer, thinker: Thinker, run_everything_due: Run
) -> None:
    thinker()
    brain.say(Say("", **COSTLY))
    run = happen(acme, run_everything_due)
    assert run.status == Status.FAILED
    assert run.usage["input_tokens"] == 100


def test_the_dashboard_draws_what_was_spent(
    acme: Workspace, owner: Any, client: Any, make_agent: MakeAgent, django_assert_num_queries: Any
) -> None:
    client.force_login(owner)
    assert "Language models" not in client.get("/").content.decode()
    agent, gone = make_agent("Spends most"), uuid.uuid4()
    now = clock.now()
    for ago, who, tokens, cost in (
        (0, agent.pk, 4_000, Decimal("1.25")),
        (0, gone, 200, None),
        (3, agent.pk, 50_000, Decimal("0.004125")),
        (20, agent.pk, 10**9, Decimal(1000)),
    ):
        at = now - dt.timedelta(days=ago)
        with transaction.atomic():
            days = spending_days.lock(acme, [who, None], now=at)
            spending_days.add(days, Spent(tokens, cost or Decimal(0), 1, int(cost is None)))
    with django_assert_num_queries(3):
        found = thinking.card(acme, now=now)
    assert found is not None
    assert found.today == Spent(4_200, Decimal("1.25"), 2, 1)
    assert [bar.height for bar in found.tokens.bars] == [60.0, 5.04]
    assert (found.tokens.line, found.tokens.budget) == (None, None)
    assert [(one.name, one.share) for one in found.top] == [
        ("Spends most", 100),
        ("An agent that was deleted", 0),
    ]
    acme.budgets = {"max_tokens_per_day": 100_000, "max_cost_per_day": 500}
    found = thinking.card(acme, now=now)
    assert found is not None
    assert found.cost is not None
    assert [bar.height for bar in found.tokens.bars] == [30.0, 2.52]
    assert found.tokens.line == 0.0
    assert found.cost.line is None, "far above the bars"
    acme.save()
    page = client.get("/").content.decode()
    told = "Today: 4,200 tokens in 2 calls, 1.25 dollars and 1 call without a known price"
    assert told in page
    assert "budget 100,000" in page


def test_generally_known_prices(acme: Workspace) -> None:
    million = Usage(1_000_000, 1_000_000)
    assert prices.cost_of(acme.pk, "offline:rules", million) == 0
    known = prices.cost_of(acme.pk, "openai:gpt-5", million)
    assert known is not None
    assert known > 1
    assert prices.cost_of(acme.pk, "openai:no-such-model", million) is None
    assert prices.cost_of(acme.pk, "our-vllm:llama", million) is None
