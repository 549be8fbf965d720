"""The buttons of an agent's page."""

from __future__ import annotations

from django.test import Client

from agents.models import Agent, AgentStatus
from crm.models import Workspace
from executions.models import AuditEntry, Execution
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
