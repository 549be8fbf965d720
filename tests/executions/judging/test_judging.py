"""Conditions in words: judged by a model of this machine before anything runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from agents.models import Agent
from config.lib import clock
from crm.models import Workspace
from executions import dispatcher, executor, invariants, sweep
from executions.models import (
    AgentStart,
    Alert,
    AuditEntry,
    Execution,
    Judgement,
    Reason,
    Spending,
    Status,
    Verdict,
)
from tests.agents.modelserver import Fault, ModelServer, Say
from tests.executions.judging.judged import ASKS, both, contact, rule, says
from tests.stories import MakeTrigger
from triggers.models import Trigger

pytestmark = pytest.mark.django_db(transaction=True)

Run = Callable[[], None]


def test_a_met_event_runs_and_its_trace_tells_why(
    acme: Workspace, trigger: Trigger, brain: ModelServer, run_everything_due: Run
) -> None:
    brain.say(says())
    contact(acme)
    dispatcher.dispatch()
    pending = Execution.objects.get()
    assert (pending.status, pending.verdict) == (Status.QUEUED, Verdict.PENDING)
    assert pending.trace[0]["note"] == "pending"
    run_everything_due()
    execution = Execution.objects.get()
    assert (execution.status, execution.verdict) == (Status.COMPLETED, Verdict.MET)
    assert execution.attempt == 1
    leaf = execution.trace[0]
    assert (leaf["met"], leaf["reason"], leaf["evidence"]) == (True, "It asks.", "cost")
    assert (leaf["confidence"], leaf["from_cache"]) == (0.9, False)
    assert leaf["model"].startswith("local:")
    kept = Judgement.objects.get().asked[0]
    assert "asks for prices" in kept["instructions"]
    assert "What does it cost?" in str(kept["data"])
    spent = Spending.objects.get()
    assert (spent.is_settled, spent.execution_id) == (True, execution.pk)
    assert execution.usage["judging"]["model_calls"] == 1


def test_an_event_that_does_not_meet_it_is_skipped_with_the_models_reason(
    acme: Workspace, trigger: Trigger, brain: ModelServer, run_everything_due: Run
) -> None:
    brain.say(says(False, reason="It only says hello."))
    contact(acme)
    run_everything_due()
    execution = Execution.objects.get()
    assert (execution.status, execution.reason) == (Status.SKIPPED, Reason.CONDITION_FALSE)
    assert execution.error_message == "It only says hello."
    assert execution.lease is None
    assert execution.finished_at is not None


@pytest.mark.parametrize(
    ("value", "logic", "met"), [("no", "AND", False), ("Ann", "OR", True)], ids=["and", "or"]
)
def test_no_model_is_asked_where_rules_decide(
    acme: Workspace, agent: Agent, make_trigger: MakeTrigger, brain: ModelServer, run_everything_due: Run,
    value: str, logic: str, met: bool,
) -> None:  # fmt: skip
    named = rule("contact.first_name", "equals", value)
    make_trigger(agent, "contact_created", conditions=both(named, ASKS, logic=logic))
    contact(acme)
    run_everything_due()
    assert brain.asked == []
    execution = Execution.objects.get()
    assert execution.status == (Status.COMPLETED if met else Status.SKIPPED)
    assert execution.verdict == Verdict.NONE_NEEDED


def test_only_questions_that_can_change_the_result_are_asked(
    acme: Workspace, agent: Agent, make_trigger: MakeTrigger, brain: ModelServer, run_everything_due: Run
) -> None:  # fmt: skip
    second = {**ASKS, "description": "It is urgent."}
    make_trigger(agent, "contact_created", conditions=both(ASKS, second))
    brain.say(says(False))
    contact(acme)
    run_everything_due()
    assert len(brain.asked) == 1
    first, other = Execution.objects.get().trace
    assert first["met"] is False
    assert "Not asked" in other["note"]


def test_the_same_content_is_asked_once(
    acme: Workspace, trigger: Trigger, brain: ModelServer, run_everything_due: Run
) -> None:
    brain.say(says())
    for _ in range(3):
        contact(acme)
    run_everything_due()
    contact(acme)
    run_everything_due()
    assert len(brain.asked) == 1
    assert Execution.objects.filter(status=Status.COMPLETED).count() == 4
    known = [row.trace[0]["from_cache"] for row in Execution.objects.order_by("position")]
    assert sorted(known) == [False, True, True, True]
    assert Spending.objects.count() == 1


def test_what_makes_no_sense_is_never_a_yes(
    acme: Workspace, trigger: Trigger, brain: ModelServer, run_everything_due: Run
) -> None:
    brain.say(Say("Yes, run it!"))
    contact(acme)
    run_everything_due()
    execution = Execution.objects.get()
    assert (execution.status, execution.reason) == (Status.SKIPPED, Reason.CONDITION_ERROR)
    assert "no usable answer" in execution.error_message
    assert execution.at_failure is not None


def test_a_model_that_fails_holds_the_event(
    acme: Workspace, trigger: Trigger, brain: ModelServer
) -> None:
    brain.say(Fault.SERVER_ERROR)
    contact(acme)
    dispatcher.dispatch()
    executor.drain()
    execution = Execution.objects.get()
    assert (execution.status, execution.verdict) == (Status.QUEUED, Verdict.PENDING)
    assert execution.reason == Reason.HOST_AWAY
    assert execution.run_at is not None
    assert (execution.attempt, execution.losses) == (0, 0)
    brain.say(says())
    Execution.objects.update(run_at=None)
    executor.drain()
    assert Execution.objects.get().status == Status.COMPLETED


# --- a model that is not sure ---------------------------------------------------------------------


@pytest.fixture
def unsure(
    acme: Workspace, agent: Agent, make_trigger: MakeTrigger, brain: ModelServer, run_everything_due: Run
) -> Execution:  # fmt: skip
    make_trigger(agent, "contact_created", conditions={**ASKS, "min_confidence": 0.8})
    brain.say(says(confidence=0.5))
    contact(acme)
    run_everything_due()
    return Execution.objects.get()


def test_a_person_decides_where_the_model_is_not_sure(
    unsure: Execution, api: APIClient, run_everything_due: Run
) -> None:
    assert (unsure.status, unsure.verdict) == (Status.WAITING_APPROVAL, Verdict.PENDING)
    assert "confidence of 0.5" in unsure.error_message
    assert Alert.objects.get().kind == "approval"
    url = f"/api/v1/executions/{unsure.pk}"
    assert api.post(f"{url}/approve", {"step": 1}).status_code == 400
    answer = api.post(f"{url}/approve", {})
    assert answer.status_code == 200, answer.json()
    assert answer.json()["status"] == "queued"
    assert answer.json()["judged"][0]["confidence"] == 0.5
    assert api.post(f"{url}/approve", {}).status_code == 409
    run_everything_due()
    unsure.refresh_from_db()
    assert (unsure.status, unsure.verdict, unsure.attempt) == (Status.COMPLETED, Verdict.MET, 1)
    assert AgentStart.objects.count() == 1, "it is a first start"
    assert Alert.objects.get().resolved_at is not None
    assert AuditEntry.objects.filter(verb="approve").count() == 1
    assert list(invariants.broken()) == []


def test_a_person_may_say_that_it_shall_not_run(
    unsure: Execution, api: APIClient, run_everything_due: Run
) -> None:
    url = f"/api/v1/executions/{unsure.pk}/reject"
    assert api.post(url, {"comment": "No customer"}).status_code == 200
    run_everything_due()
    unsure.refresh_from_db()
    assert (unsure.status, unsure.reason) == (Status.SKIPPED, Reason.REJECTED)
    assert "No customer" in unsure.error_message
    assert AuditEntry.objects.filter(verb="reject").count() == 1
    assert list(invariants.broken()) == []


def test_what_nobody_decides_about_expires(unsure: Execution) -> None:
    Execution.objects.update(run_at=clock.now() - dt.timedelta(seconds=1))
    sweep.sweep()
    unsure.refresh_from_db()
    assert (unsure.status, unsure.reason) == (Status.SKIPPED, Reason.EXPIRED)
    assert Alert.objects.get().resolved_at is not None


@pytest.mark.parametrize(("decision", "status"), [("approve", "queued"), ("reject", "skipped")])
def test_it_is_decided_by_a_click(
    unsure: Execution, client: Client, owner: User, decision: str, status: str
) -> None:
    client.force_login(owner)
    page = client.get(f"/executions/{unsure.pk}/").content.decode()
    assert "The model is not sure" in page
    client.post(f"/executions/{unsure.pk}/approve/", {"decision": decision})
    unsure.refresh_from_db()
    assert unsure.status == status
    assert AuditEntry.objects.filter(verb=decision).count() == 1
    assert client.get(f"/executions/{unsure.pk}/").status_code == 200
