"""A mapping with values in words is saved with what is known to be wrong with it: who is asked, and about what."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from agents.models import Agent, AgentStatus
from crm.models import Workspace
from tests.agents.models import MakeProvider
from triggers import blueprint
from triggers.models import Trigger

AMOUNT: dict[str, Any] = {"extract": "the amount, in dollars", "schema": {"type": "number"}}
NOBODY = "input_mapping.x: Nobody says which model reads this."


@pytest.fixture
def agent(acme: Workspace) -> Agent:
    return Agent.objects.create(workspace=acme, name="Buyer", status=AgentStatus.LIVE)


def stored(agent: Agent, entry: Any, trigger: Trigger | None = None) -> list[str]:
    trigger = trigger or Trigger(workspace=agent.workspace)
    given = {
        "name": "Offers",
        "agent_id": str(agent.pk),
        "trigger_type": "event",
        "config": {"event_type": "contact_created"},
        "input_mapping": {"x": entry, "email": "$.contact.email"},
    }
    return blueprint.store(trigger, given)


def test_no_model_is_said_on_save(agent: Agent) -> None:
    (warning,) = stored(agent, AMOUNT)
    assert warning.startswith(NOBODY)


@pytest.mark.parametrize("place", ["entry", "agent", "workspace"])
def test_a_model_that_can_be_asked_is_enough(
    agent: Agent, acme: Workspace, make_provider: MakeProvider, place: str
) -> None:
    make_provider()
    if place == "agent":
        agent.model = "local:small"
        agent.save()
    if place == "workspace":
        acme.default_model = "local:small"
        acme.save()
    more = {"model": "local:small"} if place == "entry" else {}
    agent.refresh_from_db()
    assert stored(agent, {**AMOUNT, **more}) == []


def test_a_model_that_cannot_be_asked_is_said(agent: Agent) -> None:
    (warning,) = stored(agent, {**AMOUNT, "model": "nobody:small"})
    assert warning.startswith(
        "input_mapping.x: This workspace has no model provider named 'nobody'"
    )


def test_fields_that_the_event_does_not_have_are_doubted(agent: Agent) -> None:
    entry = {**AMOUNT, "model": "offline:rules", "context_fields": ["inputs", "triggered_by.name"]}
    fields = {"trigger_type": "manual", "config": {}, "input_mapping": {"x": entry}}
    given = {"name": "By hand", "agent_id": str(agent.pk), **fields}
    (warning,) = blueprint.store(Trigger(workspace=agent.workspace), given)
    assert warning.startswith("input_mapping.x.context_fields[1]: triggered_by has no 'name'.")


def test_another_agent_may_be_the_trouble(agent: Agent, acme: Workspace) -> None:
    agent.model = "offline:rules"
    agent.save()
    trigger = Trigger(workspace=acme)
    assert stored(agent, AMOUNT, trigger) == []
    other = Agent.objects.create(workspace=acme, name="Silent", status=AgentStatus.LIVE)
    (warning,) = blueprint.store(trigger, {"agent_id": str(other.pk)})
    assert warning.startswith(NOBODY)


def test_rest_answers_the_mapping_as_it_was_given_and_warns(api: APIClient, agent: Agent) -> None:
    body = {
        "name": "Offers",
        "agent_id": str(agent.pk),
        "trigger_type": "event",
        "config": {"event_type": "contact_created"},
        "input_mapping": {"x": {**AMOUNT, "context_fields": ["contact.email"]}},
    }
    checked = api.post("/api/v1/triggers/validate", body)
    assert checked.status_code == 200, checked.content
    assert checked.json()["warnings"][0].startswith(NOBODY)
    created = api.post("/api/v1/triggers", body)
    assert created.status_code == 201, created.content
    assert created.json()["input_mapping"] == body["input_mapping"]
    assert created.json()["warnings"][0].startswith(NOBODY)


def test_the_description_of_the_api_has_both_forms(api: APIClient) -> None:
    parts = api.get("/api/schema/?format=json").json()["components"]["schemas"]
    for name in ("Trigger", "TriggerRequest", "TriggerBodyRequest"):
        forms = parts[name]["properties"]["input_mapping"]["additionalProperties"]["anyOf"]
        assert forms[0]["type"] == "string"
        assert forms[1]["required"] == ["extract", "schema"]
