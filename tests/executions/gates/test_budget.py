"""The budget gate: who has none left today waits, is not begun in vain, and says so."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.llm import Usage
from agents.models import Agent
from config.lib import clock
from crm.models import Workspace
from executions import budgets, dispatcher, queue, waiting
from executions.gates import Asked, Room, budget
from executions.models import AgentGate, Execution, SpendingDay, Status
from tests.stories import MakeAgent, MakeTrigger
from triggers import events

pytestmark = pytest.mark.django_db(transaction=True)
ASK = {"action": "ask_model", "params": {"prompt": "Hm?", "model": "offline:rules"}}
NOTIFY = {"action": "notify", "params": {"message": "Hi"}}
NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def spend(agent: Agent, tokens: int, *, now: dt.datetime = NOW, whole: bool = True) -> None:
    zone = agent.workspace
    for whose in (agent.pk, None) if whole else (agent.pk,):
        SpendingDay.objects.create(
            workspace=agent.workspace,
            agent_id=whose,
            date=now.date(),
            began_at=zone.midnight(now),
            until=zone.next_midnight(now),
            tokens=tokens,
            cost=Decimal(tokens) / 100,
        )


def asked(*agents: Agent, now: dt.datetime = NOW) -> Asked:
    for agent in agents:
        AgentGate.objects.get_or_create(agent=agent)
    gates = AgentGate.objects.select_related("agent__workspace").filter(agent__in=agents)
    return Asked(list(gates), [], now)


def test_an_agent_whose_day_is_used_up_has_no_room(make_agent: MakeAgent) -> None:
    agent = make_agent("A", ASK, restrictions={"max_tokens_per_day": 100})
    spend(agent, 99)
    assert budget.free(asked(agent)) == {}
    SpendingDay.objects.update(tokens=100)
    room = Room(0, free_at=NOW + dt.timedelta(minutes=5))
    assert budget.free(asked(agent)) == {("agent", agent.pk): room}
    late = dt.datetime(2026, 3, 1, 23, 58, tzinfo=dt.UTC)
    midnight = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    assert budget.free(asked(agent, now=late)) == {("agent", agent.pk): Room(0, free_at=midnight)}
    assert budget.free(asked(agent, now=midnight)) == {}


def test_money_of_an_agent(make_agent: MakeAgent) -> None:
    agent = make_agent("A", ASK, restrictions={"max_cost_per_day": 1.5})
    spend(agent, 149)
    assert budget.free(asked(agent)) == {}
    SpendingDay.objects.update(cost=Decimal("1.5"))
    assert ("agent", agent.pk) in budget.free(asked(agent))


def test_the_workspaces_day_stops_all_that_ask_models_and_nobody_else(
    acme: Workspace, other: Workspace, make_agent: MakeAgent
) -> None:
    acme.budgets = {"max_tokens_per_day": 100}
    acme.save()
    asking = make_agent("Asks", ASK)
    talking = make_agent("Talks", model="offline:rules")
    busy = make_agent("Works", NOTIFY)
    foreign = make_agent("Elsewhere", ASK, workspace=other)
    spend(asking, 100)
    spend(foreign, 100)
    rooms = budget.free(asked(asking, talking, busy, foreign))
    assert set(rooms) == {("agent", asking.pk), ("agent", talking.pk)}


def test_a_trigger_with_inputs_in_words_asks_a_model_too(
    make_agent: MakeAgent, make_trigger: MakeTrigger
) -> None:
    agent = make_agent("A", NOTIFY, restrictions={"max_tokens_per_day": 100})
    plain, asking = make_trigger(agent, "sale"), make_trigger(agent, "offer")
    asking.input_mapping = {"sum": {"extract": "the sum", "schema": {"type": "number"}}}
    spend(agent, 100)
    everybody = Asked(asked(agent).gates, [plain, asking], NOW)
    assert set(budget.free(everybody)) == {("trigger", asking.pk)}


def test_one_query_for_all_and_none_without_budgets(acme: Workspace, make_agent: MakeAgent) -> None:
    free = [make_agent(f"Free {number}", ASK) for number in range(3)]
    with CaptureQueriesContext(connection) as queries:
        budget.free(asked(*free))
    assert not [one for one in queries if "spendingday" in one["sql"]]
    agents = [
        make_agent(f"A {number}", ASK, restrictions={"max_tokens_per_day": 5})
        for number in range(3)
    ]
    everybody = asked(*free, *agents)
    with CaptureQueriesContext(connection) as queries:
        budget.free(everybody)
    assert len(queries) == 1


@pytest.fixture
def sold(acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger) -> Any:
    """`sold(ASK, max_tokens_per_day=5)`: an agent with a queued run."""

    def make(step: dict[str, Any], **restrictions: Any) -> Execution:
        agent = make_agent("A", step, restrictions=restrictions)
        make_trigger(agent, "sale")
        events.emit("sale", workspace_id=acme.pk, payload={})
        dispatcher.dispatch()
        return Execution.objects.select_related("agent", "trigger", "workspace").get()

    return make


def test_a_queued_run_waits_unbegun_and_says_why(acme: Workspace, sold: Any) -> None:
    run = sold(ASK, max_tokens_per_day=100)
    spend(run.agent, 100, now=clock.now())
    assert queue.claim(lease=uuid.uuid4(), worker="w", places=5) == []
    run.refresh_from_db()
    assert (run.status, run.attempt) == (Status.QUEUED, 0)
    said = waiting.why(run)
    assert "A has used up its budget of 100 tokens for today." in said
    assert "after midnight (UTC)" in said
    gate = AgentGate.objects.get()
    assert gate.next_eligible_at is not None
    assert gate.next_eligible_at <= clock.now() + queue.LOOK_AT_LEAST

    Agent.objects.update(restrictions={"max_tokens_per_day": 1000})
    later = clock.now() + queue.LOOK_AT_LEAST
    assert queue.claim(lease=uuid.uuid4(), worker="w", places=5, now=later) == [run.pk]


def test_a_run_that_has_begun_goes_on_to_its_next_call(sold: Any) -> None:
    run = sold(ASK, max_tokens_per_day=100)
    spend(run.agent, 100, now=clock.now())
    Execution.objects.update(resumes=True, attempt=1)
    assert queue.claim(lease=uuid.uuid4(), worker="w", places=5) == [run.pk]
    with pytest.raises(budgets.BudgetSpent):
        budgets.RunMeter(run.workspace_id, run.agent_id, run.pk)._reserve(
            "offline:rules", Usage(1, 1)
        )


def test_a_claim_without_budgets_asks_no_more_than_before(sold: Any) -> None:
    sold(ASK)
    with CaptureQueriesContext(connection) as queries:
        assert queue.claim(lease=uuid.uuid4(), worker="w", places=5)
    assert not [one["sql"] for one in queries if "spending" in one["sql"]]
