"""Budgets of language models: a runaway stops, a full day waits, and people hear of it in time."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from rest_framework.test import APIClient

from agents import blueprint
from agents.llm import Usage, prices
from agents.models import Agent, AgentStatus, ModelPrice, ModelProvider
from config.lib import clock
from crm.models import Contact, Workspace
from executions import budgets, spending_days, waiting
from executions.models import AgentGate, Alert, Execution, Reason, Spending, SpendingDay, Status
from executions.pages import thinking
from executions.spending_days import Spent
from tests.agents.models import MakeProvider
from tests.agents.modelserver import Fault, ModelServer, Say
from tests.stories import MakeAgent, MakeTrigger

pytestmark = pytest.mark.django_db(transaction=True)

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


def test_who_waits_only_for_calls_under_way_asks_again_soon(
    acme: Workspace, thinker: Thinker
) -> None:
    agent = thinker(max_tokens_per_day=1000)
    meter = budgets.RunMeter(acme.pk, agent.pk, uuid.uuid4())
    ticket = meter._reserve("local:small", Usage(600, 600))
    with pytest.raises(budgets.BudgetSpent) as refused:
        meter._reserve("local:small", Usage(1, 1))
    assert refused.value.until <= clock.now() + budgets.LOOK_SOON
    budgets._settle(ticket, Usage(600, 600))
    with pytest.raises(budgets.BudgetSpent) as refused:
        meter._reserve("local:small", Usage(1, 1))
    midnight = acme.next_midnight(clock.now())
    assert refused.value.until > min(midnight, clock.now() + budgets.LOOK_SOON) - LITTLE


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


def test_sums_of_days_follow_their_calls(acme: Workspace, thinker: Thinker) -> None:
    """Also where the first call of a day comes after others, as when the timezone was changed."""
    agent = thinker()
    meter = budgets.RunMeter(acme.pk, agent.pk, uuid.uuid4())

    async def call(used: Usage | None) -> None:
        await meter.settle(await meter.reserve("local:small", most=Usage(600, 600)), used)

    asyncio.run(call(Usage(10, 5)))
    asyncio.run(call(None))
    Workspace.objects.filter(pk=acme.pk).update(timezone="Pacific/Kiritimati")
    asyncio.run(call(Usage(1, 2)))
    acme.refresh_from_db()
    since = acme.midnight(clock.now())
    lately = Spending.objects.filter(at__gte=since)
    expected = sum(one.input_tokens + one.output_tokens for one in lately)
    agent = Agent.objects.select_related("workspace").get(pk=agent.pk)
    for spent in (
        budgets.of_day(agent, clock.now()),
        budgets.of_workspace_day(acme, clock.now()),
    ):
        assert (spent.tokens, spent.calls, spent.unpriced) == (
            expected,
            lately.count(),
            len(lately),
        )


def test_a_call_is_settled_in_the_day_in_which_it_began(acme: Workspace, thinker: Thinker) -> None:
    agent = thinker(max_tokens_per_day=100)
    meter = budgets.RunMeter(acme.pk, agent.pk, uuid.uuid4())
    ticket = asyncio.run(meter.reserve("local:small", most=Usage(600, 600)))
    day = dt.timedelta(days=1)
    Spending.objects.update(at=F("at") - day)
    SpendingDay.objects.update(
        began_at=F("began_at") - day, until=F("until") - day, date=clock.now().date() - day
    )
    asyncio.run(meter.settle(ticket, Usage(60, 40)))
    assert set(SpendingDay.objects.values_list("tokens", flat=True)) == {100}
    assert budgets.of_day(agent, clock.now()).tokens == 0
    assert Alert.objects.count() == 0, "yesterday is over"


def test_reserving_costs_few_queries(
    acme: Workspace, thinker: Thinker, django_assert_num_queries: Any
) -> None:
    """Neither more for more calls: the sums of a day are a row each."""
    agent = thinker(max_tokens_per_day=10**9)
    meter = budgets.RunMeter(acme.pk, agent.pk, uuid.uuid4())
    ticket = meter._reserve("local:small", Usage(1, 1))
    budgets._settle(ticket, Usage(1, 1))
    with django_assert_num_queries(8):  # begin, commit, price, clock, gate, days, call, sums
        ticket = meter._reserve("local:small", Usage(1, 1))
    with django_assert_num_queries(8):  # begin, commit, call, price, days, call, sums, agent
        budgets._settle(ticket, Usage(1, 1))


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
