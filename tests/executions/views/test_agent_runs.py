"""Switching agents and running one now, over REST."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from agents import blueprint
from agents.models import Agent, AgentStatus
from crm.models import Workspace
from executions.models import AuditEntry, Execution

STEPS = [{"action": "notify", "params": {"message": "@inputs.text"}}]


@pytest.fixture
def agent(acme: Workspace) -> Agent:
    return blueprint.store(Agent(workspace=acme), {"name": "Greeter", "steps": STEPS})


def url(agent: Agent, verb: str) -> str:
    return f"/api/v1/agents/{agent.pk}/{verb}"


def test_activate_pause_archive(api: APIClient, agent: Agent) -> None:
    for verb, status in (("activate", "live"), ("pause", "paused"), ("archive", "archived")):
        response = api.post(url(agent, verb))
        assert (response.status_code, response.json()["status"]) == (200, status)
        agent.refresh_from_db()
        assert agent.status == status
        assert AuditEntry.objects.filter(verb=verb).count() == 1
        assert api.get(url(agent, verb)).status_code == 405


def test_an_agent_without_steps_cannot_be_activated(api: APIClient, acme: Workspace) -> None:
    empty = blueprint.store(Agent(workspace=acme), {"name": "Empty"})
    response = api.post(url(empty, "activate"))
    assert (response.status_code, response.json()["error_code"]) == (400, "cannot_activate")
    assert "at least one step" in response.json()["error_message"]
    empty.refresh_from_db()
    assert empty.status == AgentStatus.DRAFT


def test_run(api: APIClient, agent: Agent) -> None:
    api.post(url(agent, "activate"))
    response = api.post(url(agent, "run"), {"inputs": {"text": "hello"}})
    assert response.status_code == 202
    execution = Execution.objects.get(pk=response.json()["execution_id"])
    assert (execution.agent, execution.status, execution.inputs["text"]) == (
        agent,
        "queued",
        "hello",
    )
    assert execution.event.actor.startswith("user:")
    assert AuditEntry.objects.filter(verb="run").count() == 1


def test_run_of_a_draft_is_skipped_with_its_reason(api: APIClient, agent: Agent) -> None:
    response = api.post(url(agent, "run"), {})
    execution = Execution.objects.get(pk=response.json()["execution_id"])
    assert (execution.status, execution.reason) == ("skipped", "agent_not_live")


def test_inputs_go_under_their_name(api: APIClient, agent: Agent) -> None:
    """Else the agent would run without them."""
    for name, hint in (("text", "There is: inputs."), ("input", "Did you mean 'inputs'?")):
        response = api.post(url(agent, "run"), {name: {}})
        assert response.json()["details"] == {name: [f"Unknown field. {hint}"]}
    assert not Execution.objects.exists()


@pytest.mark.parametrize("body", [{"inputs": []}, {"inputs": "x"}, {"inputs": {"x": "y" * 70_000}}])
def test_bad_inputs(api: APIClient, agent: Agent, body: dict[str, Any]) -> None:
    response = api.post(url(agent, "run"), body)
    assert response.status_code == 400
    assert list(response.json()["details"]) == ["inputs"]
    assert not Execution.objects.exists()
