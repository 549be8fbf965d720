"""A contact that came in, the event of it, and an agent that answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from agents.models import Agent, AgentStatus
from config.lib.ids import uuid7
from crm.models import Contact, Opportunity, Workspace
from executions.models import Execution, Status, Step, StepState
from triggers.models import Event, Trigger

TREE = {
    "type": "combined",
    "logic": "OR",
    "conditions": [
        {"field": "contact.company", "operator": "exists"},
        {
            "type": "rule",
            "logic": "NOT",
            "rules": [{"field": "contact.source", "operator": "equals", "value": "demo"}],
        },
    ],
}
TRACE: list[dict[str, Any]] = [
    {
        "path": "conditions[0]", "field": "contact.company", "operator": "exists", "expected": None,
        "actual": "<script>alert(1)</script>", "met": True, "note": "",
    },
    {
        "path": "conditions[1].rules[0]", "field": "contact.source", "operator": "equals", "expected": "demo",
        "actual": "form", "met": False, "note": "",
    },
]  # fmt: skip


@dataclass
class World:
    workspace: Workspace
    contact: Contact
    deal: Opportunity
    agent: Agent
    trigger: Trigger
    event: Event
    execution: Execution


MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(db: None) -> MakeWorld:
    def make(
        workspace: Workspace, *, name: str = "Greeter", status: str = Status.COMPLETED
    ) -> World:
        contact = Contact(
            workspace=workspace, first_name="Ada", last_name=name, email=f"{name}@example.org"
        )
        Contact.objects.all().quietly().bulk_create([contact])
        deal = Opportunity(workspace=workspace, name=f"Deal of {name}", contact=contact)
        Opportunity.objects.all().quietly().bulk_create([deal])
        agent = Agent.objects.create(
            workspace=workspace, name=name, status=AgentStatus.LIVE,
            steps=[{"action": "notify", "params": {"message": "hi"}}],
        )  # fmt: skip
        trigger = Trigger.objects.create(
            workspace=workspace, agent=agent, name=name, trigger_type="event", topic="contact_created",
            config={"event_type": "contact_created"}, conditions=TREE,
        )  # fmt: skip
        event = make_event(workspace, subject=f"contact:{contact.pk}")
        execution = make_execution(event, trigger, status=status)
        Step.objects.create(
            execution=execution, number=1, kind="notify", effect="none", idempotency_key=f"{execution.pk}:1",
            state=StepState.DONE, request={"message": "<b>hi</b>"}, started_at=event.occurred_at,
            finished_at=event.occurred_at,
        )  # fmt: skip
        return World(workspace, contact, deal, agent, trigger, event, execution)

    return make


def make_event(workspace: Workspace, *, subject: str = "") -> Event:
    pk = uuid7()
    return Event.objects.create(
        id=pk, workspace=workspace, type="contact_created", topic="contact_created", source="crm", subject=subject,
        occurred_at=timezone.now(), root_id=pk, state="matched", executions_count=1,
    )  # fmt: skip


def make_execution(
    event: Event, trigger: Trigger, *, status: str = Status.COMPLETED, reason: str = ""
) -> Execution:
    now = timezone.now()
    has_ended = status not in {Status.QUEUED, Status.RUNNING}
    return Execution.objects.create(
        workspace_id=event.workspace_id, event=event, trigger=trigger, agent=trigger.agent, listener_id=trigger.pk,
        trigger_name=trigger.name, agent_name=trigger.agent.name, trigger_type="event: contact_created",
        status=status, reason=reason, trace=TRACE, started_at=now, finished_at=now if has_ended else None,
    )  # fmt: skip


@pytest.fixture
def world(acme: Workspace, make_world: MakeWorld) -> World:
    return make_world(acme)


@pytest.fixture
def visitor(owner: User) -> Client:
    """The owner of `acme`, logged in."""
    client = Client(headers={"accept": "text/html"})
    client.force_login(owner)
    return client
