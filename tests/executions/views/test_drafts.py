"""POST /triggers/draft: a description and a model of this machine become a draft with its dry run."""

from __future__ import annotations

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from agents.llm import ANSWER
from agents.models import Agent
from crm.models import Contact, Opportunity, Workspace
from executions.models import Spending
from tests.agents.modelserver import ModelServer, Say
from tests.config.test_foreign_ids import fingerprint
from tests.executions.drafting.answers import DESCRIPTION, GOOD, answer, good
from tests.executions.views.drafts import draft

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def unhurried(settings: Settings) -> None:
    settings.DRAFTS_PER_MINUTE = 0


def deals(workspace: Workspace, *values: int) -> None:
    """Deals that are won, one after the other."""
    contact = Contact.objects.create(workspace=workspace, first_name="Ann", email="a@example.org")
    for value in values:
        deal = Opportunity.objects.create(
            workspace=workspace, contact=contact, name=f"Deal {value}", value=value
        )
        deal.stage = "Closed Won"
        deal.save()


def test_a_good_draft_comes_with_its_dry_run_and_writes_nothing(
    api: APIClient, local: Workspace, brain: ModelServer
) -> None:
    deals(local, 5000, 15000, 20000)
    api.get("/api/v1/workspace")  # the token is marked as used
    before = fingerprint()
    brain.say(answer(GOOD))
    body = draft(api)
    assert body.status_code == 200, body.content
    told = body.json()
    assert told["draft"]["trigger"]["config"] == {"event_type": "deal_stage_updated"}
    assert told["problems"] == {}
    assert told["explanation"] == GOOD["explanation"]
    run = told["dry_run"]
    assert (run["events"], run["would_run"], run["undecided"]) == (3, 2, 0)
    newest = run["results"][0]
    assert newest["would_run"] is True
    assert newest["trace"][1]["actual"] == 20000
    assert run["results"][2]["reason"] == "condition_false"
    assert told["usage"] == {
        "model": "local:small",
        "calls": 1,
        "input_tokens": 900,
        "output_tokens": 200,
    }
    after = fingerprint()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"executions_spending", "executions_spendingday"}  # what the call cost
    assert Spending.objects.get().input_tokens == 900


def test_rules_write_nothing_at_all(api: APIClient, acme: Workspace) -> None:
    deals(acme, 15000)
    api.get("/api/v1/workspace")  # the token is marked as used
    before = fingerprint()
    assert draft(api, model="offline:rules").json()["dry_run"]["would_run"] == 1
    assert fingerprint() == before


def test_the_description_goes_as_data_and_the_catalogue_as_instructions(
    api: APIClient, local: Workspace, brain: ModelServer
) -> None:
    brain.say(answer(GOOD))
    draft(api)
    system, *rest = brain.asked[0]["messages"]
    assert "deal_stage_updated" in system["content"]
    assert "create_note" in system["content"]
    assert DESCRIPTION not in system["content"]
    assert DESCRIPTION in str(rest)


def test_what_is_wrong_is_mended_once(api: APIClient, local: Workspace, brain: ModelServer) -> None:
    brain.say(answer(good(trigger__config={"event_type": "Deal Won!"})), answer(GOOD))
    told = draft(api).json()
    assert (told["problems"], told["usage"]["calls"]) == ({}, 2)
    assert "trigger.config.event_type" in str(brain.asked[1]["messages"])


def test_a_field_that_no_event_has_is_asked_about_too(
    api: APIClient, local: Workspace, brain: ModelServer
) -> None:
    strange = [{"field": "deal.amount", "operator": "equals", "value": 1}]
    brain.say(answer(good(trigger__conditions={"type": "rule", "rules": strange})), answer(GOOD))
    told = draft(api).json()
    assert told["usage"]["calls"] == 2
    assert "no event of this type tells of" in str(brain.asked[1]["messages"])


def test_a_condition_in_words_is_not_asked_in_the_dry_run(
    api: APIClient, local: Workspace, brain: ModelServer
) -> None:
    deals(local, 15000)
    question = {"type": "llm", "description": "It is urgent", "context_fields": ["deal.name"]}
    brain.say(answer(good(trigger__conditions=question)))
    run = draft(api).json()["dry_run"]
    assert (run["would_run"], run["undecided"]) == (0, 1)
    assert (run["results"][0]["would_run"], run["results"][0]["reason"]) == (None, "needs_model")
    assert len(brain.asked) == 1


def test_names_that_are_taken_get_a_number(
    api: APIClient, local: Workspace, brain: ModelServer
) -> None:
    Agent.objects.create(workspace=local, name="Thank the contact")
    brain.say(answer(GOOD))
    assert draft(api).json()["draft"]["agent"]["name"] == "Thank the contact (2)"


def test_another_workspace_is_never_looked_at(
    api: APIClient, foreign_api: APIClient, local: Workspace, other: Workspace, brain: ModelServer
) -> None:
    deals(other, 15000)
    Agent.objects.create(workspace=other, name="Their secret agent")
    brain.say(answer(GOOD))
    assert draft(api).json()["dry_run"]["events"] == 0
    assert "Their secret agent" not in str(brain.asked)
    assert draft(foreign_api, model="local:small").status_code == 400  # it has no such provider


def test_the_answer_is_typed_by_the_schema(
    api: APIClient, local: Workspace, brain: ModelServer
) -> None:
    brain.say(Say(text="I would rather talk."), answer(GOOD))
    assert draft(api).json()["problems"] == {}
    assert brain.asked[0]["tools"][0]["function"]["name"] == ANSWER
