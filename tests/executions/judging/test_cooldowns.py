"""What a verdict uses up: cooldowns in the order of events, and overlap."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agents.models import Agent
from crm.models import Workspace
from executions import (
    approving,
    dispatcher,
    executor,
    invariants,
    launch,
    replay,
)
from executions.models import (
    Execution,
    Reason,
    Status,
    TriggerGate,
    Verdict,
)
from tests.agents.modelserver import Fault, ModelServer, Say
from tests.executions.judging.judged import ASKS, by_message, contact, ends, says
from tests.stories import MakeTrigger
from triggers.models import Trigger

pytestmark = pytest.mark.django_db(transaction=True)

Run = Callable[[], None]


@pytest.fixture
def cooling(agent: Agent, make_trigger: MakeTrigger) -> Trigger:
    return make_trigger(agent, "contact_created", conditions=ASKS, cooldown_seconds=600)


def test_events_of_no_interest_use_no_cooldown_up(
    acme: Workspace, cooling: Trigger, brain: ModelServer, run_everything_due: Run
) -> None:
    brain.think = by_message(hello=says(False), price=says())
    contact(acme, "hello")
    run_everything_due()
    assert TriggerGate.objects.get(pk=cooling.pk).last_accepted_at is None
    contact(acme, "price one")
    run_everything_due()
    contact(acme, "price two")
    run_everything_due()
    assert ends() == [
        (Status.SKIPPED, Reason.CONDITION_FALSE),
        (Status.COMPLETED, ""),
        (Status.SKIPPED, Reason.COOLDOWN),
    ]


def test_the_cooldown_counts_in_the_order_of_the_events(
    acme: Workspace, cooling: Trigger, brain: ModelServer
) -> None:
    """The first event's model takes its time; the second one is judged long before, and waits all the same."""
    slow = Say(calls=says().calls, delay=0.6)
    brain.think = by_message(first=slow, second=says(), third=says(False))
    for word in ("first", "second", "third"):
        contact(acme, word)
    dispatcher.dispatch()
    executor.drain()
    assert ends() == [
        (Status.COMPLETED, ""),
        (Status.SKIPPED, Reason.COOLDOWN),
        (Status.SKIPPED, Reason.CONDITION_FALSE),
    ]
    assert len(brain.asked) == 3, "who waited for another was not asked about again"
    gate = TriggerGate.objects.get(pk=cooling.pk)
    assert gate.last_accepted_at == Execution.objects.order_by("position")[0].event.recorded_at


def test_an_earlier_event_that_turns_out_dull_lets_the_next_one_run(
    acme: Workspace, cooling: Trigger, brain: ModelServer
) -> None:
    brain.think = by_message(first=Say(calls=says(False).calls, delay=0.6), second=says())
    contact(acme, "first")
    contact(acme, "second")
    dispatcher.dispatch()
    executor.drain()
    assert ends() == [(Status.SKIPPED, Reason.CONDITION_FALSE), (Status.COMPLETED, "")]
    assert list(invariants.broken()) == []


def test_who_waits_for_an_earlier_event_says_so(
    acme: Workspace, cooling: Trigger, brain: ModelServer
) -> None:
    brain.think = by_message(first=Fault.SERVER_ERROR, second=says())
    contact(acme, "first")
    contact(acme, "second")
    dispatcher.dispatch()
    executor.drain()
    first, second = Execution.objects.order_by("position")
    assert (first.reason, second.reason) == (Reason.HOST_AWAY, Reason.COOLDOWN)
    assert second.verdict == Verdict.PENDING
    assert second.run_at is not None
    brain.think = by_message(first=says(False))
    Execution.objects.filter(pk=first.pk).update(run_at=None)
    executor.drain()
    assert ends()[1] == (Status.COMPLETED, "")


def test_a_persons_yes_uses_the_cooldown_and_asks_it_not(
    acme: Workspace, agent: Agent, make_trigger: MakeTrigger, brain: ModelServer, run_everything_due: Run
) -> None:  # fmt: skip
    sure = {**ASKS, "min_confidence": 0.8}
    made = make_trigger(agent, "contact_created", conditions=sure, cooldown_seconds=600)
    brain.think = by_message(first=says(confidence=0.5), second=says(), third=says())
    contact(acme, "first")
    run_everything_due()
    contact(acme, "second")
    run_everything_due()
    approving.accept(Execution.objects.order_by("position")[0], by="Ann")
    run_everything_due()
    assert ends() == [(Status.COMPLETED, ""), (Status.COMPLETED, "")]
    newest = Execution.objects.order_by("position")[1].event.recorded_at
    assert TriggerGate.objects.get(pk=made.pk).last_accepted_at == newest


def test_a_test_asks_no_cooldown_and_a_replay_does(
    acme: Workspace, cooling: Trigger, brain: ModelServer, run_everything_due: Run
) -> None:
    brain.say(says())
    contact(acme)
    run_everything_due()
    cooling.agent.refresh_from_db()
    test = launch.run_now(cooling.agent, inputs={}, actor="user:1", is_test=True, trigger=cooling)
    assert test.verdict == Verdict.PENDING
    run_everything_due()
    test.refresh_from_db()
    assert test.status == Status.COMPLETED
    first = Execution.objects.order_by("position").select_related("trigger__agent").first()
    assert first is not None
    again = replay.replay(first)
    assert again.verdict == Verdict.PENDING
    run_everything_due()
    again.refresh_from_db()
    assert (again.status, again.reason) == (Status.SKIPPED, Reason.COOLDOWN)


def test_what_is_pending_is_no_run_that_others_overlap_with(
    acme: Workspace, agent: Agent, make_trigger: MakeTrigger, brain: ModelServer
) -> None:
    made = make_trigger(agent, "contact_created", conditions=ASKS)
    Trigger.objects.filter(pk=made.pk).update(config={**made.config, "overlap": "skip"})
    brain.think = by_message(first=says(False), second=says(), third=says())
    for word in ("first", "second", "third"):
        contact(acme, word)
    dispatcher.dispatch()
    assert {status for status, _ in ends()} == {Status.QUEUED}
    executor.drain()
    reasons = sorted(reason for _, reason in ends())
    assert reasons[-1] in (Reason.OVERLAP, Reason.CONDITION_FALSE)
    assert Execution.objects.filter(reason=Reason.CONDITION_FALSE).count() == 1
    assert Execution.objects.filter(status=Status.COMPLETED).exists()
