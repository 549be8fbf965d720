"""Running many again: said first, counted, and never touching the originals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.actions import Effect, Scene
from agents.models import Agent, AgentStatus
from crm.models import Workspace
from executions import dispatcher, executor, launch, replay
from executions.models import AgentGate, AgentStart, Alert, Execution, Reason, Status
from tests.stories import MakeAgent, MakeTrigger
from triggers import events
from triggers.models import Trigger

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]
Act = Callable[..., None]
OPEN = {"max_executions_per_minute": None, "max_executions_per_day": None}


@pytest.fixture
def sales(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    act: Act,
    run_everything_due: Run,
) -> Callable[..., Trigger]:
    """`sales(5)`: so many events that an agent has answered, each by one call outside."""

    async def post(scene: Scene, params: dict[str, Any]) -> None:
        """Nothing is really sent."""

    act("post", post, effect=Effect.OUTSIDE)

    def make(count: int, **limits: Any) -> Trigger:
        agent = make_agent("Sales", {"action": "post"}, restrictions={**OPEN, **limits})
        trigger = make_trigger(agent, "sale", max_executions_per_hour=None)
        for number in range(count):
            events.emit("sale", workspace_id=acme.pk, payload={"n": number}, subject="deal:1")
        run_everything_due()
        return trigger

    return make


def rows() -> list[dict[str, Any]]:
    return [{**row} for row in Execution.objects.filter(replay_no=0).order_by("id").values()]


def test_a_plan_says_what_it_would_repeat_and_writes_nothing(
    sales: Callable[..., Trigger],
) -> None:
    sales(5)
    planned = replay.plan(Execution.objects.all())
    assert (len(planned.again), planned.matched, planned.repeats) == (5, 5, {"post": 5})
    assert Execution.objects.count() == 5


def test_many_run_again_and_the_originals_stay(
    sales: Callable[..., Trigger], run_everything_due: Run
) -> None:
    sales(5)
    before = rows()
    done = replay.carry_out(replay.plan(Execution.objects.all()))
    assert (done.queued, done.skipped) == (5, {})
    run_everything_due()
    assert rows() == before
    again = Execution.objects.filter(replay_no=1).order_by("id")
    assert {one.status for one in again} == {Status.COMPLETED}
    assert [one.replay_of for one in again] == [row["id"] for row in before]


def test_what_was_replayed_is_left_out_unless_asked_for(sales: Callable[..., Trigger]) -> None:
    sales(3)
    replay.carry_out(replay.plan(Execution.objects.all()))
    ended = Execution.objects.filter(status=Status.COMPLETED)
    planned = replay.plan(ended)
    assert (planned.again, planned.left_out) == ([], {"replayed already": 3})
    assert len(replay.plan(ended, include_replayed=True).again) == 3


def test_gates_are_asked_again(sales: Callable[..., Trigger]) -> None:
    trigger = sales(3)
    launch.pause(trigger.agent)
    done = replay.carry_out(replay.plan(Execution.objects.all()))
    assert (done.queued, done.skipped) == (0, {Reason.AGENT_PAUSED: 3})


def test_what_cannot_run_is_counted(sales: Callable[..., Trigger]) -> None:
    trigger = sales(2)
    events.emit("sale", workspace_id=trigger.workspace_id, payload={})
    dispatcher.dispatch()
    assert replay.plan(Execution.objects.all()).left_out == {"not finished": 1}
    trigger.delete()
    planned = replay.plan(Execution.objects.exclude(status=Status.QUEUED))
    assert planned.left_out == {"agent or trigger deleted": 2}


def test_too_many_are_refused_or_taken_in_portions(
    sales: Callable[..., Trigger], monkeypatch: pytest.MonkeyPatch
) -> None:
    sales(3)
    monkeypatch.setattr(replay, "MOST", 2)
    with pytest.raises(replay.TooMany):
        replay.plan(Execution.objects.all())
    planned = replay.plan(Execution.objects.all(), limit=2)
    assert (len(planned.again), planned.remaining) == (2, 1)


def test_the_statements_do_not_grow_with_the_runs(sales: Callable[..., Trigger]) -> None:
    sales(30)
    seen = []
    for number in (2, 28):
        planned = replay.plan(Execution.objects.filter(replay_no=0), limit=number)
        with CaptureQueriesContext(connection) as queries:
            replay.carry_out(planned)
        seen.append(len(queries))
    assert seen[0] == seen[1] <= 14


class TestFullDay:
    """20 a day: the rest is skipped, the agent pauses, and only a person makes it go on."""

    @pytest.fixture
    def agent(self, sales: Callable[..., Trigger]) -> Agent:
        agent = sales(6, max_executions_per_day=2).agent
        agent.refresh_from_db()
        return agent

    def test_it_pauses_once_with_one_alert(self, agent: Agent, run_everything_due: Run) -> None:
        assert agent.status == AgentStatus.PAUSED
        assert Alert.objects.count() == 1
        assert Execution.objects.filter(reason=Reason.DAILY_LIMIT).count() == 4
        events.emit("sale", workspace_id=agent.workspace_id, payload={})
        run_everything_due()
        agent.refresh_from_db()
        assert (agent.status, Alert.objects.count()) == (AgentStatus.PAUSED, 1)

    def test_resumed_its_day_is_counted_anew(self, agent: Agent, run_everything_due: Run) -> None:
        launch.activate(agent)
        for _ in range(3):
            events.emit("sale", workspace_id=agent.workspace_id, payload={})
        run_everything_due()
        agent.refresh_from_db()
        assert Execution.objects.filter(status=Status.COMPLETED).count() == 4
        assert (agent.status, Alert.objects.count()) == (AgentStatus.PAUSED, 2)

    def test_what_was_skipped_is_replayed_in_one_go(
        self, agent: Agent, run_everything_due: Run
    ) -> None:
        Agent.objects.update(restrictions={**OPEN, "max_executions_per_day": 10})
        agent.refresh_from_db()
        planned, done = replay.resume_and_replay(agent)
        assert (len(planned.again), done.queued) == (4, 4)
        run_everything_due()
        agent.refresh_from_db()
        assert agent.status == AgentStatus.LIVE
        assert Execution.objects.filter(status=Status.COMPLETED).count() == 6
        assert AgentStart.objects.count() == 6
        assert replay.plan_skipped(agent).again == []

    def test_a_pause_by_hand_gives_no_new_day(self, agent: Agent, run_everything_due: Run) -> None:
        launch.activate(agent)
        AgentGate.objects.update(day_began_at=None)
        launch.pause(agent)
        launch.activate(agent)
        assert AgentGate.objects.get().day_began_at is None

    def test_a_test_pauses_nobody(self, agent: Agent, run_everything_due: Run) -> None:
        launch.activate(agent)
        AgentGate.objects.update(day_began_at=None)
        trigger = Trigger.objects.visible().select_related("agent").get()
        tried = launch.run_now(agent, inputs={}, actor="system", is_test=True, trigger=trigger)
        executor.drain()
        tried.refresh_from_db()
        agent.refresh_from_db()
        assert (tried.status, tried.reason) == (Status.SKIPPED, Reason.DAILY_LIMIT)
        assert agent.status == AgentStatus.LIVE
