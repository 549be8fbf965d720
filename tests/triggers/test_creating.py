"""Triggers made in code are checked, sealed and warned about as over REST."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from agents.models import Agent
from crm.models import Contact, Workspace
from executions.models import Execution, Status
from executions.serializers.triggers import TriggerSerializer
from tests.stories import MakeAgent
from triggers import blueprint, spellings
from triggers.models import Trigger, TriggerStatus, TriggerType
from triggers.models.trigger import TriggerFields
from triggers.problems import InvalidTrigger, NameTaken

pytestmark = pytest.mark.django_db
ABOUT: dict[str, Any] = {
    "name": "New contacts",
    "trigger_type": TriggerType.EVENT,
    "config": {"event_type": "contact_created"},
}


@pytest.fixture
def agent(make_agent: MakeAgent) -> Agent:
    return make_agent("A", {"action": "notify", "params": {"message": "Hello"}})


def test_its_fields_are_those_of_the_wire() -> None:
    fields = {*blueprint.FIELDS, *spellings.ALIASES, "created_by"}
    assert set(TriggerFields.__annotations__) == fields
    assert fields - {"created_by"} <= set(TriggerSerializer().fields)


@pytest.mark.django_db(transaction=True)
def test_it_listens(
    acme: Workspace, agent: Agent, owner: User, run_everything_due: Callable[[], None]
) -> None:
    trigger, warnings = Trigger.objects.create_from(
        workspace=acme,
        name="Chiefs",
        agent_id=agent.pk,
        trigger_type=TriggerType.EVENT,
        config={"event_type": "contact_created"},
        conditions=[{"field": "contact.title", "operator": "eq", "value": "Chief"}],
        input_mapping={"who": "$.contact.email"},
        max_executions_per_hour=None,
        created_by=owner,
    )
    assert warnings == []
    trigger.refresh_from_db()
    assert trigger.conditions["rules"][0]["operator"] == "equals"
    assert (trigger.topic, trigger.created_by, trigger.status) == (
        "contact_created", owner, TriggerStatus.ACTIVE,
    )  # fmt: skip
    for title in ("Chief", "Clerk"):
        Contact.objects.create(workspace=acme, email=f"{title}@example.org", title=title)
    run_everything_due()
    runs = Execution.objects.order_by("position")
    assert [run.status for run in runs] == [Status.COMPLETED, Status.SKIPPED]
    assert runs[0].inputs["who"] == "Chief@example.org"


def test_secrets_are_sealed(acme: Workspace, agent: Agent) -> None:
    trigger, _ = Trigger.objects.create_from(
        workspace=acme,
        name="Orders",
        pipeline_id=str(agent.pk),
        trigger_type="webhook",
        config={"webhook_config": {"secret": "a secret of some length"}},
    )
    trigger.refresh_from_db()
    assert "a secret" not in str(trigger.config)
    assert "a secret of some length" in trigger.sealed
    assert trigger.agent == agent


def test_what_is_probably_not_meant_is_warned_about(acme: Workspace, agent: Agent) -> None:
    slip = {**ABOUT, "config": {"event_type": "contact_craeted"}}
    _, warnings = Trigger.objects.create_from(workspace=acme, agent_id=agent.pk, **slip)
    assert "Did you mean 'contact_created'?" in warnings[0]


def test_what_is_wrong_is_told_by_field(acme: Workspace, other: Workspace, agent: Agent) -> None:
    with pytest.raises(InvalidTrigger) as caught:
        Trigger.objects.create_from(
            workspace=other,
            name="",
            agent_id=agent.pk,
            trigger_type="evnt",
            cooldown_seconds=-1,
        )
    assert set(caught.value.problems) == {"name", "agent_id", "trigger_type", "cooldown_seconds"}
    with pytest.raises(InvalidTrigger) as nothing:
        Trigger.objects.create_from(workspace=acme)
    assert set(nothing.value.problems) == {"name", "agent_id", "trigger_type"}
    assert not Trigger.objects.visible().exists()


def test_a_field_that_does_not_exist_is_a_slip_of_the_programmer(acme: Workspace) -> None:
    slip: Any = {"cooldown": 5}
    with pytest.raises(TypeError, match=r"'cooldown'.*cooldown_seconds"):
        Trigger.objects.create_from(workspace=acme, **slip)


def test_a_name_is_taken_once_and_the_transaction_goes_on(acme: Workspace, agent: Agent) -> None:
    with transaction.atomic():
        Trigger.objects.create_from(workspace=acme, agent_id=agent.pk, **ABOUT)
        with pytest.raises(NameTaken):
            Trigger.objects.create_from(workspace=acme, agent_id=agent.pk, **ABOUT)
        Trigger.objects.create_from(workspace=acme, agent_id=agent.pk, **{**ABOUT, "name": "B"})
    assert Trigger.objects.visible().count() == 2


def test_conditions_in_words_listen_when_their_examples_have_passed(
    acme: Workspace, agent: Agent
) -> None:
    words = {
        "type": "llm",
        "description": "The contact's title says that the contact leads a company.",
        "context_fields": ["contact.title"],
        "examples": [{"input": {"contact": {"title": "Chief"}}, "expected": True}],
    }
    trigger, warnings = Trigger.objects.create_from(
        workspace=acme, agent_id=agent.pk, conditions=words, **ABOUT
    )
    assert (trigger.status, trigger.waits_for_examples) == (TriggerStatus.PAUSED, True)
    assert any(said.startswith("Stored paused") for said in warnings)


def test_it_costs_a_handful_of_queries(
    acme: Workspace, agent: Agent, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(7):
        Trigger.objects.create_from(workspace=acme, agent_id=uuid.UUID(str(agent.pk)), **ABOUT)
