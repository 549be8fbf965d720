"""Starting another agent."""

from __future__ import annotations

import uuid

import pytest

from agents.actions import ActionFailed
from agents.models import Agent, AgentStatus
from crm.models import Workspace
from executions.models import Execution
from tests.agents.scenes import perform, problems, scene
from triggers import events


@pytest.fixture
def second(acme: Workspace) -> Agent:
    steps = [{"action": "notify", "params": {"message": "@inputs.text"}}]
    return Agent.objects.create(workspace=acme, name="Second", status=AgentStatus.LIVE, steps=steps)


@pytest.mark.parametrize("by", ["name", "id"])
def test_queues_one_run_with_its_inputs(acme: Workspace, second: Agent, by: str) -> None:
    cause = events.Cause(
        execution_id=uuid.uuid4(),
        root_id=uuid.uuid4(),
        depth=1,
        chain=(),
        correlation_id="c",
        actor="agent:x",
    )
    agent = second.name if by == "name" else str(second.pk)
    with events.caused_by(cause):
        output = perform("run_agent", scene(acme), agent=agent, inputs={"text": "hello"})
    execution = Execution.objects.select_related("event").get()
    assert output["execution_id"] == str(execution.pk)
    assert (execution.agent, execution.status, execution.inputs["text"]) == (
        second,
        "queued",
        "hello",
    )
    assert (execution.event.depth, execution.event.parent_execution_id) == (2, cause.execution_id)


def test_a_paused_agent_is_skipped_with_its_reason(acme: Workspace, second: Agent) -> None:
    Agent.objects.filter(pk=second.pk).update(status=AgentStatus.PAUSED)
    output = perform("run_agent", scene(acme), agent="Second")
    assert (output["status"], output["reason"]) == ("skipped", "agent_paused")


def test_an_agent_of_another_workspace_does_not_exist(other: Workspace, second: Agent) -> None:
    for agent in (second.name, str(second.pk)):
        with pytest.raises(ActionFailed, match="There is no agent"):
            perform("run_agent", scene(other), agent=agent)
        assert "agent" in problems("run_agent", other, agent=agent)
    assert not Execution.objects.exists()


def test_checked_on_save(acme: Workspace, second: Agent) -> None:
    assert not problems("run_agent", acme, agent="Second")
    assert not problems("run_agent", acme, agent="@inputs.agent")
