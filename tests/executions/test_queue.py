from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Agent, AgentStatus
from config.lib import clock
from crm.models import Workspace
from executions import dispatcher, full_days, queue, sweep
from executions.models import AgentGate, AgentStart, Alert, Execution, Losses, Reason, Status
from executions.places import Shares
from tests.stories import MakeAgent, MakeTrigger
from triggers import events
from triggers.models import Trigger

pytestmark = pytest.mark.django_db(transaction=True)
NOTIFY = {"action": "notify", "params": {"message": "Hi"}}
STATEMENTS_PER_CLAIM = 12


@pytest.fixture
def queued(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger
) -> Callable[..., Trigger]:
    """`queued(5, name="A", max_executions_per_minute=None)`: an agent with so many queued rows."""

    def make(
        count: int, *, name: str = "A", trigger_fields: dict[str, Any] | None = None, **limits: Any
    ) -> Trigger:
        open_limits = {
            "max_executions_per_minute": None,
            "max_executions_per_day": None,
            "max_concurrent": None,
        }
        agent = make_agent(name, NOTIFY, restrictions={**open_limits, **limits})
        trigger = make_trigger(
            agent,
            f"sale_{name.lower()}",
            **{"max_executions_per_hour": None, **(trigger_fields or {})},
        )
        for _ in range(count):
            events.emit(f"sale_{name.lower()}", workspace_id=acme.pk, payload={})
        dispatcher.dispatch()
        return trigger

    return make


def claim(places: int = 100, **more: Any) -> list[uuid.UUID]:
    return queue.claim(lease=uuid.uuid4(), worker="test", places=places, **more)


def finish_all() -> None:
    Execution.objects.filter(status="running").update(
        status="completed", lease=None, finished_at=clock.now()
    )
    AgentGate.objects.update(next_eligible_at=clock.now())


def test_what_is_claimed_runs_under_the_lease_in_the_queues_order(
    queued: Callable[..., Trigger],
) -> None:
    queued(5)
    lease = uuid.uuid4()
    ids = queue.claim(lease=lease, worker="w", places=3)
    rows = list(Execution.objects.order_by("position"))
    assert ids == [row.pk for row in rows[:3]]
    assert [row.status for row in rows] == ["running"] * 3 + ["queued"] * 2
    assert {(row.lease, row.attempt, row.worker) for row in rows[:3]} == {(lease, 1, "w")}
    assert claim() == [row.pk for row in rows[3:]]
    assert claim() == []


def test_a_claim_takes_a_fixed_number_of_statements(queued: Callable[..., Trigger]) -> None:
    queued(30, max_executions_per_minute=50, max_executions_per_day=100, max_concurrent=50)
    for places in (1, 20):
        with CaptureQueriesContext(connection) as seen:
            assert len(claim(places)) == places
        assert len(seen) <= STATEMENTS_PER_CLAIM, [query["sql"][:80] for query in seen]


def test_at_most_so_many_starts_in_any_minute(queued: Callable[..., Trigger]) -> None:
    queued(25, max_executions_per_minute=10)
    now = clock.now()
    assert len(claim(now=now)) == 10
    finish_all()
    assert claim(now=now + dt.timedelta(seconds=59)) == []
    gate = AgentGate.objects.get(agent__name="A")
    assert gate.next_eligible_at == now + dt.timedelta(seconds=60)
    assert gate.limited_until == now + dt.timedelta(seconds=119)  # one notice in any minute
    assert len(claim(now=now + dt.timedelta(seconds=60.5))) == 10


def test_a_full_day_skips_the_rest_and_pauses_the_agent_once(
    queued: Callable[..., Trigger],
) -> None:
    queued(30, max_executions_per_day=20)
    assert len(claim()) == 20
    finish_all()
    assert claim() == []
    assert Execution.objects.filter(status=Status.SKIPPED, reason=Reason.DAILY_LIMIT).count() == 10
    assert Agent.objects.get(name="A").status == AgentStatus.PAUSED
    assert Alert.objects.count() == 1
    assert AgentGate.objects.get(agent__name="A").pause_reason == Reason.DAILY_LIMIT


def test_events_of_an_agent_paused_by_its_day_say_so(
    acme: Workspace, queued: Callable[..., Trigger]
) -> None:
    queued(3, max_executions_per_day=1)
    claim()
    events.emit("sale_a", workspace_id=acme.pk, payload={})
    dispatcher.dispatch()
    assert Execution.objects.order_by("-position")[0].reason == Reason.DAILY_LIMIT


def test_at_most_so_many_at_once_of_an_agent(queued: Callable[..., Trigger]) -> None:
    queued(10, max_concurrent=3)
    assert len(claim()) == 3
    assert claim() == []
    finish_all()
    assert len(claim()) == 3


def test_at_most_so_many_at_once_of_a_trigger(queued: Callable[..., Trigger]) -> None:
    queued(10, trigger_fields={"max_concurrent": 2})
    assert len(claim()) == 2
    assert claim() == []


def test_limits_hold_with_many_claimers(queued: Callable[..., Trigger]) -> None:
    queued(60, max_concurrent=7)
    got: list[int] = []

    def run() -> None:
        got.extend(len(claim(5)) for _ in range(5))
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(got) == 7 == Execution.objects.filter(status="running").count()


def test_agents_are_served_in_turn(queued: Callable[..., Trigger]) -> None:
    queued(50, name="A")
    queued(2, name="B")
    ids = claim(4)
    names = list(Execution.objects.filter(pk__in=ids).values_list("agent_name", flat=True))
    assert sorted(names) == ["A", "A", "B", "B"]


def test_a_paused_workspace_waits(acme: Workspace, queued: Callable[..., Trigger]) -> None:
    queued(2)
    Workspace.objects.update(paused=True)
    assert claim() == []
    Workspace.objects.update(paused=False)
    assert len(claim()) == 2


def test_the_agents_status_is_read_again(queued: Callable[..., Trigger]) -> None:
    queued(2)
    Agent.objects.filter(name="A").update(status=AgentStatus.PAUSED)
    assert claim() == []
    assert set(Execution.objects.values_list("reason", flat=True)) == {Reason.AGENT_PAUSED}


def test_going_on_spends_no_attempt_and_no_start(queued: Callable[..., Trigger]) -> None:
    queued(1, max_executions_per_minute=1)
    claim()
    Execution.objects.update(status="queued", resumes=True, lease=None)
    AgentGate.objects.update(next_eligible_at=clock.now())
    assert len(claim()) == 1
    assert Execution.objects.get().attempt == 1
    assert AgentStart.objects.count() == 1


def test_suspects_run_alone(queued: Callable[..., Trigger]) -> None:
    queued(2)
    suspect = Execution.objects.order_by("position")[0]
    Execution.objects.filter(pk=suspect.pk).update(losses=1)
    assert suspect.pk not in claim()
    assert claim(1, losses=Losses.ONE) == [suspect.pk]


def test_what_waited_too_long_is_skipped(queued: Callable[..., Trigger]) -> None:
    queued(2, trigger_fields={"max_age_seconds": 60})
    now = clock.now()
    assert claim(now=now + dt.timedelta(seconds=61)) == []
    assert set(Execution.objects.values_list("status", "reason")) == {
        (Status.SKIPPED, Reason.EXPIRED)
    }


@pytest.mark.parametrize(
    ("served", "started"),
    [
        (dt.timedelta(milliseconds=3), dt.timedelta(milliseconds=3)),
        (dt.timedelta(hours=2), dt.timedelta()),
    ],
    ids=["another claim was quicker", "the clock was set back"],
)
def test_starts_do_not_go_back_in_time(
    queued: Callable[..., Trigger], served: dt.timedelta, started: dt.timedelta
) -> None:
    queued(1)
    now = clock.now()
    AgentGate.objects.update(last_served_at=now + served)
    assert claim(now=now)
    assert Execution.objects.get().started_at == now + started


def test_a_full_day_with_a_long_queue_is_skipped_in_portions(
    queued: Callable[..., Trigger], monkeypatch: pytest.MonkeyPatch
) -> None:
    queued(9, max_executions_per_day=2)
    monkeypatch.setattr(full_days, "SKIPPED_AT_ONCE", 3)
    claim()
    left = Execution.objects.filter(status=Status.QUEUED)
    assert (Execution.objects.filter(reason=Reason.DAILY_LIMIT).count(), left.count()) == (3, 4)
    sweep.sweep()
    assert Execution.objects.filter(reason=Reason.DAILY_LIMIT).count() == 7
    assert Alert.objects.count() == 1


def test_where_models_have_their_places_others_are_claimed(queued: Callable[..., Trigger]) -> None:
    """Though those that ask models are first in turn and more than there are places."""
    thinking = [queued(2, name=f"Thinks{number}") for number in range(3)]
    asking = Agent.objects.filter(pk__in=[one.agent_id for one in thinking])
    asking.update(steps=[{"action": "ask_model", "params": {"prompt": "Hm?"}}])
    claim(1, shares=Shares(10, 1))
    quick = queued(1, name="Quick")
    begun = claim(2, shares=Shares(10, 2, thinking=8))
    assert [Execution.objects.get(pk=pk).agent_id for pk in begun] == [quick.agent_id]
    assert len(claim(5, shares=Shares(10, 5, thinking=6))) == 2
    assert len(claim(100)) == 3


def test_who_asks_models_is_told_apart_in_sql_as_in_python(
    acme: Workspace, make_agent: MakeAgent
) -> None:
    make_agent("Notifies", NOTIFY)
    make_agent("Asks", NOTIFY, {"action": "ask_model", "params": {"prompt": "Hm?"}})
    talk = make_agent("Talks", NOTIFY)
    Agent.objects.filter(pk=talk.pk).update(steps=[], model="local:any")
    make_agent("Has a model", NOTIFY, model="local:any")
    told = {agent.name for agent in Agent.objects.all() if agent.asks_models}
    assert told == {agent.name for agent in Agent.objects.asking_models()} == {"Asks", "Talks"}
