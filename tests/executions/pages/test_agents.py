"""The buttons of an agent's page."""

from __future__ import annotations

from django.test import Client

from agents.models import Agent, AgentStatus
from config.lib import clock
from crm.models import Workspace
from executions.models import AgentGate, AgentStart, AuditEntry, Execution
from tests.executions.pages.conftest import World


def test_pause_and_activate(world: World, visitor: Client) -> None:
    for verb, status in (("pause", AgentStatus.PAUSED), ("activate", AgentStatus.LIVE)):
        assert visitor.post(f"/agents/{world.agent.pk}/{verb}/").status_code == 302
        world.agent.refresh_from_db()
        assert world.agent.status == status
        assert AuditEntry.objects.filter(verb=verb).count() == 1


def test_an_agent_without_steps_is_not_activated(acme: Workspace, visitor: Client) -> None:
    agent = Agent.objects.create(workspace=acme, name="Empty")
    answer = visitor.post(f"/agents/{agent.pk}/activate/", follow=True)
    assert b"at least one step" in answer.content


def test_run_now_shows_the_run(world: World, visitor: Client) -> None:
    answer = visitor.post(f"/agents/{world.agent.pk}/run/")
    newest = Execution.objects.latest("id")
    assert newest != world.execution
    assert answer["Location"] == f"/executions/{newest.pk}/"


def test_a_used_up_share_is_told(world: World, visitor: Client) -> None:
    address = f"/agents/{world.agent.pk}/"
    Agent.objects.update(restrictions={"max_executions_per_day": 4})
    AgentGate.objects.get_or_create(agent=world.agent)
    for unsigned in (False, True):
        AgentStart.objects.create(
            workspace_id=world.agent.workspace_id,
            agent=world.agent,
            at=clock.now(),
            is_first=True,
            is_unsigned=unsigned,
        )
    assert "used up their share" not in visitor.get(address).text
    AgentStart.objects.create(
        workspace_id=world.agent.workspace_id,
        agent=world.agent,
        at=clock.now(),
        is_first=True,
        is_unsigned=True,
    )
    assert (
        "had used up their share of the agent&#x27;s day: 2 of its 4" in visitor.get(address).text
    )
