"""Saving an agent."""

from __future__ import annotations

from typing import Any

import pytest

from agents import blueprint
from agents.models import DEFAULT_RESTRICTIONS, Agent
from crm.models import Workspace

WAIT = {"action": "wait", "params": {"days": 1}}


@pytest.fixture
def agent(acme: Workspace) -> Agent:
    return blueprint.store(Agent(workspace=acme), {"name": " Greeter ", "steps": [WAIT]})


def test_a_new_agent(agent: Agent) -> None:
    stored = Agent.objects.get()
    assert (stored.name, stored.version, stored.status) == ("Greeter", 1, "draft")
    assert stored.steps == [{**WAIT, "on_error": "fail"}]
    assert stored.restrictions == DEFAULT_RESTRICTIONS


@pytest.mark.parametrize(
    "fields, version",
    [
        ({"name": "Other"}, 2),
        ({"instructions": "x"}, 2),
        ({"model": "openai:x"}, 2),
        ({"tools": ["create_note"]}, 2),
        ({"steps": []}, 2),
        ({"restrictions": {"max_concurrent": 2}}, 2),
        ({"description": "x"}, 1),
        ({"name": "Greeter", "steps": [WAIT], "restrictions": {"max_concurrent": None}}, 1),
        ({}, 1),
    ],
)
def test_a_change_of_configuration_is_a_new_version(
    agent: Agent, fields: dict[str, Any], version: int
) -> None:
    assert blueprint.store(agent, fields).version == version
    assert Agent.objects.get().version == version


def test_a_limit_that_is_not_given_stays(agent: Agent) -> None:
    blueprint.store(agent, {"restrictions": {"max_concurrent": 2}})
    blueprint.store(agent, {"restrictions": {"max_attempts": 1}})
    assert Agent.objects.get().restrictions == {
        **DEFAULT_RESTRICTIONS,
        "max_concurrent": 2,
        "max_attempts": 1,
    }


def test_what_is_wrong_is_not_saved(agent: Agent) -> None:
    with pytest.raises(blueprint.InvalidAgent) as refused:
        blueprint.store(agent, {"name": "Other", "steps": [{"action": "no"}]})
    assert list(refused.value.problems) == ["steps[0].action"]
    assert Agent.objects.get().name == "Greeter"


def test_names_are_one_agents(acme: Workspace, other: Workspace, agent: Agent) -> None:
    with pytest.raises(blueprint.NameTaken):
        blueprint.store(Agent(workspace=acme), {"name": "Greeter"})
    with pytest.raises(blueprint.InvalidAgent):
        blueprint.store(Agent(workspace=acme), {})
    assert blueprint.store(Agent(workspace=other), {"name": "Greeter"}).workspace == other
