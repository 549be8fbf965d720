"""The page "Describe it": a sentence, a draft to look at and to change, and the click that saves it."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from agents.models import Agent, AgentStatus
from crm.models import Role, Workspace
from executions.models import AuditEntry
from tests.agents.models import MakeProvider
from tests.agents.modelserver import Fault, ModelServer
from tests.conftest import MakeMember
from tests.executions.admin.conftest import EVIL, Login
from tests.executions.drafting.answers import DESCRIPTION, answer, good
from tests.executions.views.test_drafts import deals
from triggers.models import Trigger, TriggerStatus

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/admin/triggers/trigger/describe/"


@pytest.fixture(autouse=True)
def unhurried(settings: Settings) -> None:
    settings.DRAFTS_PER_MINUTE = 0


def describe(client: Client, description: str = DESCRIPTION, model: str = "offline:rules") -> Any:
    return client.post(URL, {"action": "draft", "description": description, "model": model})


def fields_of(page: Any) -> dict[str, str]:
    """What a browser would send back: the fields of the page's own form."""
    text = page.content.decode().partition('id="content-main"')[2]
    found: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", text):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        is_off = attributes.get("type") == "checkbox" and "checked" not in tag
        if attributes.get("name") and not is_off:
            found[attributes["name"]] = html.unescape(attributes.get("value", "on"))
    for name, value in re.findall(
        r'<textarea[^>]*name="([^"]+)"[^>]*>\n?(.*?)</textarea>', text, re.DOTALL
    ):
        found[name] = html.unescape(value)
    for name, options in re.findall(
        r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', text, re.DOTALL
    ):
        chosen = re.search(r'value="([^"]*)"\s+selected', options)
        found[name] = html.unescape(chosen[1]) if chosen else ""
    return found


def go_on(client: Client, page: Any, action: str, **changes: str) -> Any:
    return client.post(URL, {**fields_of(page), **changes, "action": action})


def test_the_list_of_triggers_leads_to_the_page(ann: Client) -> None:
    assert URL in ann.get("/admin/triggers/trigger/").content.decode()
    page = ann.get(f"{URL}?description=Hello").content.decode()
    assert "Draft it" in page
    assert ">Hello</textarea>" in page.replace("\n", "")


def test_the_empty_dashboard_leads_to_the_page(ann: Client) -> None:
    assert URL in ann.get("/").content.decode()


def test_a_draft_is_shown_and_nothing_is_saved(ann: Client, acme: Workspace) -> None:
    deals(acme, 5000, 15000)
    page = describe(ann)
    assert page.status_code == 200
    text = page.content.decode()
    assert "<b>1</b> of the last 2 would have run" in text
    assert "Deal 15000" in text
    assert "sales@acme.example" in text
    assert not Agent.objects.exists()
    assert "<script>" not in text  # what there is comes from files


def test_saving_keeps_what_the_person_changed(ann: Client, acme: Workspace) -> None:
    page = describe(ann)
    changes = {
        "agent.name": "Thanks",
        "trigger.conditions.rules[1].value": "20000",
        "agent.steps[0].params.subject": "We thank you",
    }
    answered = go_on(ann, page, "save", **changes)
    agent, trigger = Agent.objects.get(), Trigger.objects.visible().get()
    assert answered.status_code == 302
    assert answered["Location"] == f"/admin/triggers/trigger/{trigger.pk}/change/"
    assert (agent.status, trigger.status) == (AgentStatus.DRAFT, TriggerStatus.PAUSED)
    assert agent.name == "Thanks"
    assert agent.steps[0]["params"]["subject"] == "We thank you"
    assert agent.steps[0]["needs_approval"] is True
    assert trigger.conditions["rules"][1]["value"] == 20000
    verbs = AuditEntry.objects.order_by("id").values_list("verb", "target_type")
    assert list(verbs) == [("create", "agent"), ("create", "trigger")]


def test_the_other_button_switches_both_on(ann: Client, acme: Workspace) -> None:
    page = describe(ann, "When a contact is created, notify the team")
    assert go_on(ann, page, "activate").status_code == 302
    assert Agent.objects.get().status == AgentStatus.LIVE
    assert Trigger.objects.visible().get().status == TriggerStatus.ACTIVE


def test_approval_can_be_taken_away(ann: Client, acme: Workspace) -> None:
    page = describe(ann)
    fields = fields_of(page)
    del fields["agent.steps[0].needs_approval"]
    ann.post(URL, {**fields, "action": "save"})
    assert not Agent.objects.get().steps[0].get("needs_approval")


def test_looking_again_judges_what_was_changed(ann: Client, acme: Workspace) -> None:
    deals(acme, 5000, 15000)
    page = go_on(ann, describe(ann), "look", **{"trigger.conditions.rules[1].value": "1000"})
    assert "<b>2</b> of the last 2 would have run" in page.content.decode()
    assert not Agent.objects.exists()


def test_a_blank_has_to_be_filled_in(ann: Client, acme: Workspace) -> None:
    page = describe(ann, "when a deal is lost, email sales")
    assert "Your sentence does not say" in page.content.decode()
    refused = go_on(ann, page, "save")
    assert refused.status_code == 400
    assert "Fill this in first." in refused.content.decode()
    assert not Agent.objects.exists()
    go_on(ann, refused, "save", **{"agent.steps[0].params.to": "sales@acme.example"})
    assert Agent.objects.get().steps[0]["params"]["to"] == "sales@acme.example"


def test_what_was_not_understood_can_be_mended_on_the_page(ann: Client, acme: Workspace) -> None:
    page = describe(ann, "do something nice")
    assert "It cannot be saved like this" in page.content.decode()
    assert go_on(ann, page, "save").status_code == 400
    go_on(ann, page, "save", **{"trigger.config.event_type": "contact_created"})
    assert Trigger.objects.visible().get().config == {"event_type": "contact_created"}


def test_the_description_can_be_changed(ann: Client, acme: Workspace) -> None:
    page = go_on(ann, describe(ann), "again").content.decode()
    assert "Draft it" in page
    assert html.escape(DESCRIPTION) in page


@pytest.mark.parametrize("draft", ["", "{", "[]", '{"agent": 5}', '{"agent": {}, "trigger": []}'])
def test_a_damaged_draft_is_said_and_the_description_stays(ann: Client, draft: str) -> None:
    page = ann.post(URL, {"action": "save", "draft": draft, "description": "Hello there"})
    assert page.status_code == 400
    assert "Hello there" in page.content.decode()


ODD = [
    '{"agent": {"steps": 5}, "trigger": {}}',
    '{"agent": {"steps": [1, {"action": []}, {"action": "notify", "params": []}]}, "trigger": {"config": 3}}',
    '{"agent": {}, "trigger": {"trigger_type": "event", "conditions": {"rules": [{"field": 1, "value": {}}, 2]}}}',
    '{"agent": {}, "trigger": {"trigger_type": ["event"], "conditions": {"rules": 7}}}',
    '{"agent": {}, "trigger": {"trigger_type": "event", "conditions": {"rules": 7}}}',
    '{"agent": {"name": {}}, "trigger": {"trigger_type": "cron", "config": {"cron_expression": []}, "conditions": 5}}',
]


@pytest.mark.parametrize("draft", ODD)
@pytest.mark.parametrize("action", ["save", "look"])
def test_odd_drafts_break_nothing(ann: Client, acme: Workspace, draft: str, action: str) -> None:
    page = ann.post(URL, {"action": action, "draft": draft})
    assert page.status_code in (200, 400)
    assert not Agent.objects.exists()


def test_what_a_model_writes_is_escaped(
    ann: Client, acme: Workspace, make_provider: MakeProvider, brain: ModelServer
) -> None:
    make_provider()
    brain.say(
        answer(good(agent__name=EVIL, explanation=EVIL, questions=[EVIL], trigger__name=EVIL))
    )
    text = describe(ann, EVIL, model="local:small").content.decode()
    assert EVIL not in text
    assert html.escape(EVIL) in text


def test_a_model_that_is_away_is_said(
    ann: Client, acme: Workspace, make_provider: MakeProvider, brain: ModelServer
) -> None:
    make_provider()
    brain.say(Fault.SERVER_ERROR)
    page = describe(ann, model="local:small")
    assert page.status_code == 503
    assert "try again" in page.content.decode()
    assert html.escape(DESCRIPTION) in page.content.decode()


def test_too_many_drafts_are_told_to_wait(ann: Client, acme: Workspace, settings: Settings) -> None:
    settings.DRAFTS_PER_MINUTE = 1
    assert [describe(ann).status_code for _ in range(2)] == [200, 429]


def test_viewers_do_not_see_it(acme: Workspace, member: MakeMember, login: Login) -> None:
    viewer = login(member("vic", role=Role.VIEWER))
    assert viewer.get(URL).status_code == 403
    assert describe(viewer).status_code == 403
    assert URL not in viewer.get("/admin/triggers/trigger/").content.decode()


def test_of_several_workspaces_one_is_chosen_first(
    ann: Client, owner: User, other: Workspace, acme: Workspace
) -> None:
    owner.memberships.create(workspace=other, role=Role.OWNER)
    assert str(other.pk) in ann.get(URL).content.decode()
    page = ann.get(f"{URL}?workspace={other.pk}").content.decode()
    assert f"shall happen in {other}" in page
