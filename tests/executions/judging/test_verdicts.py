"""How the answers of a tree are joined, what is kept of them, and who may ask by hand."""

from __future__ import annotations

import datetime as dt
import re
import threading
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from agents.models import Agent
from config.lib import clock, waits
from crm.models import Role, Workspace
from executions import (
    forgetting,
)
from executions.models import (
    Execution,
    Judgement,
    Reason,
    RememberedAnswer,
    Spending,
    Status,
)
from tests.agents.modelserver import Fault, ModelServer, Say
from tests.conftest import MakeClient, MakeMember
from tests.executions.admin.pages import url
from tests.executions.judging.judged import ASKS, both, by_message, contact, ends, rule, says
from tests.stories import MakeTrigger
from triggers.models import Trigger

pytestmark = pytest.mark.django_db(transaction=True)

Run = Callable[[], None]


@pytest.mark.parametrize(
    ("logic", "answers", "status", "asked"),
    [
        ("AND", (True, True), Status.COMPLETED, 2),
        ("AND", (True, False), Status.SKIPPED, 2),
        ("AND", (False, True), Status.SKIPPED, 1),
        ("OR", (True, True), Status.COMPLETED, 1),
        ("OR", (False, True), Status.COMPLETED, 2),
        ("OR", (None, True), Status.COMPLETED, 2),
        ("OR", (None, False), Status.SKIPPED, 2),
        ("AND", (None, True), Status.SKIPPED, 1),
    ],
)
def test_questions_are_joined_as_rules_are(
    acme: Workspace, agent: Agent, make_trigger: MakeTrigger, brain: ModelServer, run_everything_due: Run,
    logic: str, answers: tuple[bool | None, bool | None], status: Status, asked: int,
) -> None:  # fmt: skip
    two = both(ASKS, {**ASKS, "description": "It is urgent."}, logic=logic)
    make_trigger(agent, "contact_created", conditions=two)
    brain.say(*(Say("?") if answer is None else says(answer) for answer in answers))
    contact(acme)
    run_everything_due()
    assert ends()[0][0] == status
    assert len(brain.asked) == asked


def test_not_turns_an_answer_round(
    acme: Workspace, agent: Agent, make_trigger: MakeTrigger, brain: ModelServer, run_everything_due: Run
) -> None:  # fmt: skip
    spam = both({**ASKS, "description": "It is spam."}, logic="NOT")
    make_trigger(agent, "contact_created", conditions=spam)
    brain.think = by_message(spam=says(True), price=says(False), odd=Say("yes"))
    for word in ("spam", "price", "odd"):
        contact(acme, word)
    run_everything_due()
    assert ends() == [
        (Status.SKIPPED, Reason.CONDITION_FALSE),
        (Status.COMPLETED, ""),
        (Status.SKIPPED, Reason.CONDITION_ERROR),
    ]


def test_rules_with_a_missing_field_do_not_ask(
    acme: Workspace, agent: Agent, make_trigger: MakeTrigger, brain: ModelServer, run_everything_due: Run
) -> None:  # fmt: skip
    large = rule("deal.value", "greater_than", 5)
    make_trigger(agent, "contact_created", conditions=both(large, ASKS))
    contact(acme)
    run_everything_due()
    assert ends()[0][0] == Status.SKIPPED
    assert brain.asked == []


def test_what_was_shown_is_kept_without_secrets_until_contents_go(
    acme: Workspace, agent: Agent, make_trigger: MakeTrigger, brain: ModelServer, api: APIClient,
    run_everything_due: Run,
) -> None:  # fmt: skip
    whole = {key: value for key, value in ASKS.items() if key != "context_fields"}
    make_trigger(agent, "contact_created", conditions=whole)
    brain.say(says())
    made = contact(acme)
    made.__class__.objects.filter(pk=made.pk).update(custom={"api_key": "k-1", "message": "price"})
    contact(acme, "x", last_name="https://u:pw-canary@x.example/")
    run_everything_due()
    assert "pw-canary" not in str(brain.asked)
    execution = Execution.objects.order_by("position").last()
    assert execution is not None
    answer = api.get(f"/api/v1/executions/{execution.pk}").json()
    assert answer["verdict"] == "met"
    assert answer["judged"][0]["reason"] == "It asks."
    assert "never an instruction" not in str(answer["trace"])
    assert "pw-canary" not in str(answer["judged"])
    terms = forgetting.Terms(acme, clock.now() + dt.timedelta(days=20))
    assert forgetting.empty_bodies(terms, forgetting.FIRST).rows
    assert Judgement.objects.get(pk=execution.pk).asked == []
    answer = api.get(f"/api/v1/executions/{execution.pk}").json()
    assert answer["judged"] is None
    assert answer["trace"][0]["met"] is True


def test_deleting_history_deletes_what_was_asked(
    acme: Workspace, trigger: Trigger, brain: ModelServer, run_everything_due: Run
) -> None:
    brain.say(says())
    contact(acme)
    run_everything_due()
    terms = forgetting.Terms(acme, clock.now() + dt.timedelta(days=60))
    assert forgetting.delete_events(terms, forgetting.FIRST).rows
    assert not Execution.objects.exists()
    assert not Judgement.objects.exists()


def test_the_page_tells_what_the_model_said(
    acme: Workspace, trigger: Trigger, brain: ModelServer, client: Client, owner: User, run_everything_due: Run
) -> None:  # fmt: skip
    brain.say(says())
    contact(acme)
    run_everything_due()
    execution = Execution.objects.get()
    client.force_login(owner)
    page = client.get(f"/executions/{execution.pk}/").content.decode()
    for said in (
        "asks for prices",
        "It asks.",
        "90% sure",
        "18 tokens",
        "What the model was asked",
    ):
        assert said in page, said


def test_fixed_rules_do_not_say_how_sure_they_are(
    acme: Workspace, trigger: Trigger, client: Client, owner: User, run_everything_due: Run
) -> None:
    asked = {**ASKS, "description": "Somebody asks for prices.", "model": "offline:rules"}
    Trigger.objects.filter(pk=trigger.pk).update(conditions=asked)
    contact(acme, message="What are your prices?")
    run_everything_due()
    execution = Execution.objects.get()
    (leaf,) = execution.trace
    assert (leaf["actual"], leaf["confidence"], leaf["model"]) == (True, None, "offline:rules")
    User.objects.filter(pk=owner.pk).update(is_staff=True)
    client.force_login(owner)
    for page in (
        f"/executions/{execution.pk}/",
        f"/admin/executions/execution/{execution.pk}/change/",
    ):
        text = client.get(page).content.decode()
        assert "offline:rules" in text
        assert not re.search(r"(%|\d|None) sure", text)


def test_a_dry_run_asks_the_model_where_that_is_wanted(
    trigger: Trigger, brain: ModelServer, api: APIClient
) -> None:
    address = f"/api/v1/triggers/{trigger.pk}/dry-run"
    event = {"contact": {"custom": {"message": "What does it cost?"}}}
    unasked = api.post(address, {"event": event}).json()
    assert (unasked["would_run"], unasked["reason"]) == (None, "pending")
    assert brain.asked == []
    brain.say(says(), says(False), Fault.SERVER_ERROR)
    yes = api.post(address, {"event": event, "ask_model": True}).json()
    assert (yes["would_run"], yes["reason"]) == (True, "")
    assert yes["trace"][0]["reason"] == "It asks."
    no = api.post(address, {"event": event, "ask_model": True}).json()
    assert (no["would_run"], no["reason"], no["note"]) == (False, "condition_false", "It asks.")
    failed = api.post(address, {"event": event, "ask_model": True}).json()
    assert (failed["would_run"], failed["reason"]) == (False, "condition_error")
    assert len(brain.asked) == 3
    assert Spending.objects.count() == 2
    for stored in (Execution, Judgement, RememberedAnswer):
        assert not stored._default_manager.exists()


def test_dry_runs_leave_places_for_other_requests(
    trigger: Trigger, brain: ModelServer, api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = threading.BoundedSemaphore(1)
    taken.acquire()
    monkeypatch.setattr(waits, "_places", taken)
    monkeypatch.setattr(waits, "PATIENCE_SECONDS", 0.01)
    event = {"contact": {"custom": {"message": "What does it cost?"}}}
    body = {"event": event, "ask_model": True}
    address = f"/api/v1/triggers/{trigger.pk}/dry-run"
    busy = api.post(address, body)
    assert (busy.status_code, busy.json()["error_code"]) == (503, "busy")
    assert brain.asked == []
    taken.release()
    brain.say(says())
    assert api.post(address, body).json()["would_run"] is True
    assert taken.acquire(blocking=False), "the place is free again"


def test_asking_a_model_needs_more_than_reading(
    trigger: Trigger, api: APIClient, client_of: MakeClient, member: MakeMember
) -> None:
    address = f"/api/v1/triggers/{trigger.pk}/dry-run"
    reader = client_of(member("bob", role=Role.EDITOR), scopes=["read"])
    assert reader.post(address, {}).status_code == 200
    assert reader.post(address, {"ask_model": True}).status_code == 403
    wrong = api.post(address, {"ask_model": "yes"})
    assert (wrong.status_code, "ask_model" in wrong.json()["details"]) == (400, True)


def test_the_admin_asks_the_model_too(
    trigger: Trigger, brain: ModelServer, client: Client, owner: User
) -> None:
    brain.say(says())
    owner.is_staff = True
    owner.save()
    client.force_login(owner)
    plain = client.post(url(Trigger, "dry_run", trigger.pk), {"event": "{}"}).content.decode()
    assert "leave it to the model" in plain
    address = url(Trigger, "dry_run_with_model", trigger.pk)
    asked = client.post(address, {"event": "{}"}).content.decode()
    assert "It would run" in asked
    assert "It asks." in asked
