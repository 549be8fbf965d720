"""What is reserved for calls under way and settled after them, and the sums of days."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from typing import Any

import pytest
from django.db.models import F

from agents.llm import Usage
from agents.models import Agent
from config.lib import clock
from crm.models import Workspace
from executions import budgets
from executions.models import AgentGate, Alert, Spending, SpendingDay
from tests.agents.modelserver import Fault, ModelServer
from tests.executions import thinkers
from tests.executions.thinkers import LITTLE, Run, Thinker, happen

pytestmark = pytest.mark.django_db(transaction=True)
thinker = thinkers.thinker


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
