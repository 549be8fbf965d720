"""The buttons of an agent's page."""

from __future__ import annotations

import re

from django.test import Client

from agents.models import Agent, AgentStatus
from config.lib import clock
from crm.models import Workspace
from executions.models import AgentGate, AgentStart, AuditEntry, Execution
from executions.pages import agents
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


def test_many_agents_are_paged(world: World, visitor: Client) -> None:
    names = [f"Agent {number:03}" for number in range(agents.PAGE * 2)]
    Agent.objects.bulk_create(Agent(workspace=world.workspace, name=name) for name in names)
    names = sorted([*names, world.agent.name])
    seen, address, page = [], "/agents/", ""
    for _ in range(3):
        page = visitor.get(address).text
        seen += [name for name in names if f">{name}</a></h2>" in page]
        following = re.search(r'href="([^"]*after=[^"]*)">Next</a>', page)
        address = f"/agents/{following[1]}" if following else ""
    assert (seen, address) == (names, "")
    assert ">First</a>" in page
    assert "No agent comes after this" in visitor.get("/agents/?after=zzz").text
    assert visitor.get("/agents/?after=%00&fragment=live").status_code == 200
