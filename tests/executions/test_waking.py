"""Gates that sleep are woken by all that could give their agent something to start."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable

import pytest

from agents.models import Agent
from config.lib import clock
from crm.models import Workspace
from executions import dispatcher, executor, finish, launch, queue, replay, sweep
from executions.models import AgentGate, Alert, AlertKind, Execution, Status, TriggerGate
from executions.outcome import Outcome
from tests.stories import MakeAgent, MakeTrigger
from triggers import blueprint, events
from triggers.models import Event
from triggers.sources import manual

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]
NOTIFY = {"action": "notify", "params": {"message": "Hi"}}
FREE = {"max_executions_per_minute": None, "max_executions_per_day": None}


@pytest.fixture
def agent(make_agent: MakeAgent, make_trigger: MakeTrigger) -> Agent:
    """An agent with one trigger that may start once an hour, and one that may start at will."""
    agent = make_agent("A", NOTIFY, restrictions=FREE)
    make_trigger(agent, "rare", max_executions_per_hour=1)
    make_trigger(agent, "often", max_executions_per_hour=None)
    return agent


@pytest.fixture
def happen(acme: Workspace) -> Callable[..., None]:
    def emit(*types: str) -> None:
        for name in types:
            events.emit(name, workspace_id=acme.pk, payload={})
        dispatcher.dispatch()

    return emit


def claim(lease: uuid.UUID | None = None) -> list[uuid.UUID]:
    return queue.claim(lease=lease or uuid.uuid4(), worker="w", places=5)


def test_a_full_trigger_does_not_hold_up_the_agents_other_one(
    agent: Agent, happen: Callable[..., None], run_everything_due: Run
) -> None:
    happen(*["rare"] * 3, *["often"] * 20)
    for _ in range(3):
        executor.drain(slots=5)
        sweep.sweep()
    assert Execution.objects.filter(trigger__topic="often", status="completed").count() == 20


def test_a_finished_run_frees_its_place_though_another_trigger_waits_for_its_hour(
    agent: Agent, happen: Callable[..., None]
) -> None:
    agent.triggers.filter(topic="often").update(max_concurrent=1)
    happen("rare", "rare", "often", "often")
    lease = uuid.uuid4()
    held = claim(lease)
    sweep.repair_gates()
    assert claim() == []
    rows = Execution.objects.in_bulk(held).values()
    finish.finish([Outcome(row, Status.COMPLETED) for row in rows], lease=lease)
    assert len(claim()) == 1


def test_what_goes_on_does_not_wait_for_the_window(
    agent: Agent, happen: Callable[..., None]
) -> None:
    happen("often")
    lease = uuid.uuid4()
    (pk,) = claim(lease)
    back = Outcome(
        Execution.objects.get(pk=pk), Status.RETRYING, run_at=clock.now() - dt.timedelta(seconds=1)
    )
    finish.finish([back], lease=lease)
    happen("rare", "rare")
    claim()
    sweep.repair_gates()
    assert claim() == []
    sweep.promote_due()
    assert claim() == [pk]


def test_a_gate_is_looked_at_once_a_minute_whatever_it_waits_for(
    agent: Agent, happen: Callable[..., None]
) -> None:
    """Somebody may raise a limit."""
    happen("rare", "rare")
    assert len(claim()) == 1
    sweep.repair_gates()
    assert claim() == []
    soon = clock.now() + dt.timedelta(minutes=1)
    assert AgentGate.objects.filter(next_eligible_at__lte=soon).exists()


def test_queued_runs_stay_with_the_agent_that_they_were_decided_for(
    agent: Agent, make_agent: MakeAgent, happen: Callable[..., None], run_everything_due: Run
) -> None:
    happen("often")
    other = make_agent("B", NOTIFY)
    blueprint.store(agent.triggers.get(topic="often"), {"agent_id": str(other.pk)})
    launch.run_now(other, inputs={}, actor="system")
    run_everything_due()
    run_everything_due()
    assert {e.agent_name: e.status for e in Execution.objects.all()} == {
        "A": Status.COMPLETED,
        "B": Status.COMPLETED,
    }


def test_a_replay_counts_the_cooldown_from_now(
    agent: Agent, happen: Callable[..., None], run_everything_due: Run
) -> None:
    agent.triggers.update(cooldown_seconds=60)
    happen("often")
    run_everything_due()
    execution = Execution.objects.get()
    assert replay.replay(execution).status == Status.SKIPPED
    yesterday = clock.now() - dt.timedelta(days=1)
    TriggerGate.objects.update(last_accepted_at=yesterday)
    Event.objects.update(recorded_at=yesterday)
    again = replay.replay(execution)
    assert (again.status, again.replay_no) == (Status.QUEUED, 2)


def test_what_somebody_says_wins_over_the_defaults(agent: Agent) -> None:
    trigger = manual.ensure(agent)
    trigger.default_inputs = {"name": "default"}
    trigger.save()
    execution = launch.run_now(agent, inputs={"name": "said"}, actor="system")
    execution.refresh_from_db()
    assert execution.inputs["name"] == "said"


def test_an_agent_that_runs_itself_raises_one_alert(
    make_agent: MakeAgent, run_everything_due: Run
) -> None:
    agent = make_agent("A", {"action": "run_agent", "params": {"agent": "A"}})
    launch.run_now(agent, inputs={}, actor="system")
    run_everything_due()
    assert Execution.objects.count() == 2
    assert Alert.objects.get().kind == AlertKind.LOOP


def test_a_switched_off_trigger_loses_its_ready_rows_only(
    agent: Agent, happen: Callable[..., None]
) -> None:
    happen("often", "often", "rare")
    waits = Execution.objects.filter(trigger__topic="often").latest("position")
    Execution.objects.filter(pk=waits.pk).update(run_at=clock.now() + dt.timedelta(hours=1))
    agent.triggers.filter(topic="often").update(status="paused")
    assert sweep.skip_unwanted() == 1
    assert Execution.objects.filter(status=Status.SKIPPED, reason="trigger_disabled").count() == 1
    Execution.objects.filter(pk=waits.pk).update(run_at=clock.now())
    sweep.promote_due()
    assert sweep.skip_unwanted() == 1
    assert Execution.objects.get(status=Status.QUEUED).trigger_name == "A on rare"
