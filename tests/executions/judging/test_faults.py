"""Models that fail while they judge: what they are asked about waits or ends, and never runs unjudged."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from agents.models import Agent, FailingHost
from config.lib import clock
from crm.models import Workspace
from executions import dispatcher, executor, sweep
from executions.models import (
    Alert,
    Execution,
    Judgement,
    Reason,
    RememberedAnswer,
    Spending,
    Status,
    Verdict,
)
from tests.agents.modelserver import Fault, ModelServer, Say
from tests.executions.judging.judged import ASKS, contact, judged, says
from tests.stories import MakeTrigger
from triggers.models import Trigger

pytestmark = pytest.mark.django_db(transaction=True)

Run = Callable[[], None]


HELD = [
    *(Fault.SILENT, Fault.DRIP, Fault.TOO_MANY, Fault.SERVER_ERROR, Fault.RESET, Fault.HALF),
    Fault.NONSENSE,  # a proxy's page, most likely
]
USELESS = [Fault.HUGE]
REFUSED = [Fault.UNAUTHORISED, Fault.BAD_REQUEST]


@pytest.mark.parametrize("fault", HELD)
def test_an_outage_holds_the_event_and_it_goes_on(
    pending: Execution, brain: ModelServer, settings: Any, fault: Fault
) -> None:
    settings.JUDGE_CALL_SECONDS = 0.5
    brain.say(fault)
    held = judged(pending)
    assert (held.status, held.verdict, held.lease) == (Status.QUEUED, Verdict.PENDING, None)
    assert (held.reason, held.attempt, held.losses) == (Reason.HOST_AWAY, 0, 0)
    assert held.run_at is not None
    if fault is Fault.TOO_MANY:
        assert held.run_at - clock.now() > dt.timedelta(seconds=5), "as Retry-After says"
    assert not RememberedAnswer.objects.exists(), "failures are not remembered"
    settings.JUDGE_CALL_SECONDS = 60
    brain.say(says())
    Execution.objects.update(run_at=None)
    assert judged(pending).status == Status.COMPLETED


@pytest.mark.parametrize("reply", [*USELESS, Say("yes"), Say('{"match": true}')], ids=str)
def test_a_useless_answer_is_an_error_and_never_a_yes(
    pending: Execution, brain: ModelServer, reply: Any
) -> None:
    brain.say(reply)
    ended = judged(pending)
    assert (ended.status, ended.reason) == (Status.SKIPPED, Reason.CONDITION_ERROR)
    assert len(brain.asked) == 1


@pytest.mark.parametrize("fault", REFUSED)
def test_a_refusal_is_an_error_at_once_with_one_alert(
    pending: Execution, acme: Workspace, brain: ModelServer, run_everything_due: Run, fault: Fault
) -> None:
    brain.say(fault)
    assert judged(pending).reason == Reason.CONDITION_ERROR
    contact(acme, "Something else")
    run_everything_due()
    alert = Alert.objects.get(kind="model")
    assert (alert.times, alert.trigger_id) == (2, pending.trigger_id)
    brain.say(says())
    contact(acme, "A third")
    run_everything_due()
    alert.refresh_from_db()
    assert alert.resolved_at is not None, "the model answers again"


def test_without_a_provider_or_a_model_people_read_what_to_do(
    acme: Workspace, agent: Agent, make_trigger: MakeTrigger, run_everything_due: Run
) -> None:
    nobody = {"type": "llm", "description": "It asks for prices."}
    make_trigger(agent, "contact_created", conditions=nobody)
    make_trigger(agent, "contact_created", name="B", conditions={**ASKS, "model": "nowhere:x"})
    contact(acme)
    run_everything_due()
    first, second = Execution.objects.order_by("position")
    assert "default model" in first.error_message
    assert "Model providers" in second.error_message
    assert {first.reason, second.reason} == {Reason.CONDITION_ERROR}


@pytest.mark.parametrize("fail_open", [False, True])
def test_an_outage_that_lasts_is_decided_without_the_model(
    pending: Execution, trigger: Trigger, brain: ModelServer, fail_open: bool
) -> None:
    Trigger.objects.filter(pk=trigger.pk).update(fail_open=fail_open)
    brain.say(Fault.SERVER_ERROR)
    assert judged(pending).status == Status.QUEUED, "it waits first, also where it fails open"
    Judgement.objects.update(failed_since=clock.now() - dt.timedelta(hours=2))
    Execution.objects.update(run_at=None)
    ended = judged(pending)
    if fail_open:
        assert (ended.status, ended.verdict) == (Status.COMPLETED, Verdict.MET)
        assert "could not be asked" in ended.trace[0]["note"]
        assert ended.trace[0]["met"] is None
    else:
        assert (ended.status, ended.reason) == (Status.SKIPPED, Reason.CONDITION_ERROR)
    assert Alert.objects.filter(kind="model").count() == 1


def test_a_provider_that_is_away_is_left_alone_and_events_that_wait_too_long_end(
    pending: Execution, acme: Workspace, brain: ModelServer, settings: Any
) -> None:
    settings.HOST_FAILURES = 1
    brain.say(Fault.SERVER_ERROR)
    held = judged(pending)
    assert (held.reason, held.held_for, held.holds) == (Reason.HOST_AWAY, brain.host, 1)
    contact(acme, "Another")
    dispatcher.dispatch()
    executor.drain()
    assert len(brain.asked) == 1, "nobody else is sent to a host that is away"
    FailingHost.objects.update(open_until=clock.now() + dt.timedelta(minutes=5))
    Judgement.objects.update(failed_since=clock.now() - dt.timedelta(hours=2))
    sweep.sweep()
    executor.drain()
    assert len(brain.asked) == 1
    reasons = set(Execution.objects.values_list("status", "reason"))
    assert reasons == {(Status.SKIPPED, Reason.CONDITION_ERROR)}


def test_a_spent_budget_holds_the_event(
    pending: Execution, agent: Agent, brain: ModelServer
) -> None:
    Agent.objects.filter(pk=agent.pk).update(restrictions={"max_tokens_per_day": 1})
    brain.say(says(), says())
    executor.drain()
    Execution.objects.filter(verdict=Verdict.MET).update(
        status=Status.CANCELLED, run_at=None, finished_at=clock.now()
    )
    assert Spending.objects.get().output_tokens == 7
    contact(pending.workspace, "Another")
    dispatcher.dispatch()
    executor.drain()
    held = Execution.objects.get(verdict=Verdict.PENDING)
    assert (held.status, held.reason) == (Status.QUEUED, Reason.BUDGET)
    assert held.run_at is not None
    assert len(brain.asked) == 1
    assert not Alert.objects.filter(kind="model").exists()
