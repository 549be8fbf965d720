from __future__ import annotations

from collections.abc import Callable

import pytest

from crm.models import Workspace
from executions import dispatcher, event_replay, launch
from executions.models import Execution, Status
from tests.stories import MakeAgent, MakeTrigger
from triggers import events
from triggers.models import Event, EventState, Trigger

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]
NOTIFY = {"action": "notify", "params": {"message": "Hi"}}


@pytest.fixture
def trigger(make_agent: MakeAgent, make_trigger: MakeTrigger) -> Trigger:
    return make_trigger(make_agent("A", NOTIFY), "sale")


def test_the_dead_are_new_again(acme: Workspace, trigger: Trigger, run_everything_due: Run) -> None:
    event = events.emit("sale", workspace_id=acme.pk, payload={})
    Event.objects.update(state=EventState.DEAD, attempts=5, error="ValueError: no")
    planned = event_replay.plan(Event.objects.all())
    assert (planned.revived, planned.again) == ([event.pk], [])
    assert event_replay.carry_out(planned).revived == 1
    event.refresh_from_db()
    assert (event.state, event.attempts, event.error) == (EventState.NEW, 0, "")
    run_everything_due()
    assert Execution.objects.get().status == Status.COMPLETED
    assert event_replay.carry_out(planned).revived == 0


def test_an_answered_one_runs_at_all_its_triggers(
    acme: Workspace,
    trigger: Trigger,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    run_everything_due: Run,
) -> None:
    events.emit("sale", workspace_id=acme.pk, payload={})
    run_everything_due()
    late = make_trigger(make_agent("Late", NOTIFY), "sale")
    done = event_replay.carry_out(event_replay.plan(Event.objects.all()))
    assert {(one.trigger_id, one.replay_no) for one in done.executions} == {
        (trigger.pk, 1),
        (late.pk, 1),
    }
    run_everything_due()
    assert Execution.objects.filter(status=Status.COMPLETED).count() == 3
    assert Event.objects.get().executions_count == 1


def test_a_made_up_event_goes_to_nobody_else(
    trigger: Trigger, make_agent: MakeAgent, make_trigger: MakeTrigger
) -> None:
    make_trigger(make_agent("B", NOTIFY), "sale")
    launch.run_now(trigger.agent, inputs={}, actor="system", is_test=True, trigger=trigger)
    (again,) = event_replay.plan(Event.objects.all()).again
    assert (again.trigger, again.is_test) == (trigger, True)


def test_what_is_not_answered_yet_is_left_out(acme: Workspace, trigger: Trigger) -> None:
    events.emit("sale", workspace_id=acme.pk, payload={})
    planned = event_replay.plan(Event.objects.all())
    assert (planned.again, planned.left_out) == ([], {"not answered yet": 1})
    assert dispatcher.dispatch() == 1
