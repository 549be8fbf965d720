"""Running by hand: the built-in trigger of each agent."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from agents.models import Agent
from config.lib.ids import uuid7
from crm.models import Workspace
from triggers import sources
from triggers.models import Trigger
from triggers.sources import manual

SOURCE = sources.find("manual")


def test_every_new_agent_owns_one(acme: Workspace) -> None:
    agent = Agent.objects.create(workspace=acme, name="Greeter")
    trigger = Trigger.objects.get(agent=agent)
    assert trigger.is_builtin
    assert trigger.workspace_id == acme.pk
    assert trigger.topic == f"manual:{trigger.pk}"
    assert not Trigger.objects.visible().exists()


def test_saving_an_agent_again_makes_no_second(
    acme: Workspace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    agent = Agent.objects.create(workspace=acme, name="Greeter")
    with django_assert_num_queries(1):
        agent.save()
    assert Trigger.objects.count() == 1


def test_it_is_made_where_it_is_missing(acme: Workspace) -> None:
    agent = Agent(workspace=acme, name="Greeter")
    Agent.objects.bulk_create([agent])
    assert not Trigger.objects.exists()
    assert manual.ensure(agent) == manual.ensure(agent)
    assert Trigger.objects.count() == 1


@pytest.mark.parametrize("config, paths", [({}, []), ({"a": 1}, ["a"])])
def test_it_has_nothing_to_configure(config: dict[str, Any], paths: list[str]) -> None:
    assert list(SOURCE.check(config, workspace=Workspace())) == paths


def test_description_sample_and_topic() -> None:
    pk = uuid7()
    assert SOURCE.describe({}) == "manual"
    assert SOURCE.topic({}, trigger_id=pk) == f"manual:{pk}"
    assert SOURCE.sample_type({}) == "manual"
    manual.MANUAL.check(SOURCE.sample({}))
    manual.MANUAL.check({"inputs": {"x": 1}, "triggered_by": "user:1"})
