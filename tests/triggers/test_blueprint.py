"""What a trigger may be made of."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from django.db import connection

from agents.models import Agent, AgentStatus
from crm.models import Workspace
from triggers import blueprint
from triggers.models import Trigger, TriggerStatus


@pytest.fixture
def agent(acme: Workspace) -> Agent:
    return Agent.objects.create(workspace=acme, name="Greeter", status=AgentStatus.LIVE)


def body(agent: Agent, **more: Any) -> dict[str, Any]:
    return {
        "name": "New contacts",
        "agent_id": str(agent.pk),
        "trigger_type": "event",
        "config": {"event_type": "contact_created"},
        **more,
    }


def make(agent: Agent, **more: Any) -> Trigger:
    trigger = Trigger(workspace=agent.workspace)
    blueprint.store(trigger, body(agent, **more))
    return Trigger.objects.get(pk=trigger.pk)


def problems_of(trigger: Trigger, fields: dict[str, Any]) -> dict[str, list[str]]:
    with pytest.raises(blueprint.InvalidTrigger) as caught:
        blueprint.apply(trigger, fields)
    return caught.value.problems


def test_a_trigger_gets_its_topic_and_canonical_conditions(agent: Agent) -> None:
    trigger = make(
        agent,
        conditions=[{"field": "contact.title", "operator": "eq", "value": "CEO"}],
        input_mapping={"email": "$.contact.email"},
        task_parameters={"greeting": "Hello"},
    )
    assert trigger.topic == "contact_created"
    assert trigger.status == TriggerStatus.ACTIVE
    assert trigger.conditions == {
        "type": "rule",
        "logic": "AND",
        "rules": [{"field": "contact.title", "operator": "equals", "value": "CEO"}],
    }
    assert trigger.input_mapping == {"email": "$.contact.email"}
    assert trigger.default_inputs == {"greeting": "Hello"}
    assert trigger.version == 1


def test_what_is_missing_is_told_together(acme: Workspace) -> None:
    found = problems_of(Trigger(workspace=acme), {})
    assert found == {name: ["This field is required."] for name in blueprint.REQUIRED}


@pytest.mark.parametrize(
    "fields, path",
    [
        ({"name": "  "}, "name"),
        ({"name": "a" * 256}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": 5}, "name"),
        ({"description": "a" * 5001}, "description"),
        ({"description": None}, "description"),
        ({"trigger_type": "evnt"}, "trigger_type"),
        ({"trigger_type": ["event"]}, "trigger_type"),
        ({"config": []}, "config"),
        ({"config": {"event_type": "No Name"}}, "config.event_type"),
        ({"config": {"event_type": "a", "x": "y" * 70_000}}, "config"),
        (
            {"conditions": [{"field": "a", "operator": "eqals", "value": 1}]},
            "conditions[0].operator",
        ),
        ({"conditions": "deal.value > 3"}, "conditions"),
        ({"input_mapping": {"a": "$.x["}}, "input_mapping.a"),
        ({"input_mapping": []}, "input_mapping"),
        ({"default_inputs": []}, "default_inputs"),
        ({"default_inputs": {"_trigger_event": {}}}, "default_inputs"),
        ({"enabled": "yes"}, "enabled"),
        ({"is_active": 1}, "enabled"),
        ({"max_concurrent": 0}, "max_concurrent"),
        ({"max_concurrent": True}, "max_concurrent"),
        ({"cooldown_seconds": -1}, "cooldown_seconds"),
        ({"cooldown_seconds": None}, "cooldown_seconds"),
        ({"cooldown_seconds": 1.5}, "cooldown_seconds"),
        ({"max_age_seconds": 0}, "max_age_seconds"),
        ({"max_executions_per_hour": 10**9}, "max_executions_per_hour"),
        ({"failure_threshold": 0}, "failure_threshold"),
        ({"allow_reentry": "no"}, "allow_reentry"),
        ({"ignore_cooldown": None}, "ignore_cooldown"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(
    agent: Agent, fields: dict[str, Any], path: str
) -> None:
    trigger = make(agent)
    assert list(problems_of(trigger, fields)) == [path]
    assert problems_of(Trigger(workspace=agent.workspace), body(agent) | fields).keys() == {path}


@pytest.mark.parametrize("name", ["Ärger & Freude", "deal → won", "👩‍🚒 call", "a b", "x" * 255])
def test_names_in_any_language(agent: Agent, name: str) -> None:
    assert make(agent, name=f"  {name} ").name == name


def test_an_unknown_type_and_operator_come_with_what_was_meant(agent: Agent) -> None:
    found = problems_of(
        Trigger(workspace=agent.workspace),
        body(
            agent, trigger_type="evnt", conditions=[{"field": "a", "operator": "eqals", "value": 1}]
        ),
    )
    assert "Did you mean 'event'?" in found["trigger_type"][0]
    assert "Did you mean 'equals'?" in found["conditions[0].operator"][0]


@pytest.mark.parametrize("pk", ["nonsense", str(uuid.UUID(int=7)), 5, {"a": 1}])
def test_an_agent_that_is_not_there(agent: Agent, pk: Any) -> None:
    found = problems_of(Trigger(workspace=agent.workspace), body(agent, agent_id=pk))
    assert found == {"agent_id": [f"Agent with ID {pk} not found or not accessible"]}


def test_an_agent_of_another_workspace_is_not_there(agent: Agent, other: Workspace) -> None:
    found = problems_of(Trigger(workspace=other), body(agent))
    assert found == {"agent_id": [f"Agent with ID {agent.pk} not found or not accessible"]}


def test_an_archived_agent_gets_no_new_triggers_and_keeps_its_own(agent: Agent) -> None:
    trigger = make(agent)
    Agent.objects.filter(pk=agent.pk).update(status=AgentStatus.ARCHIVED)
    assert "archived" in problems_of(Trigger(workspace=agent.workspace), body(agent))["agent_id"][0]
    blueprint.store(trigger, {"agent_id": str(agent.pk), "name": "Renamed"})
    assert Trigger.objects.get(pk=trigger.pk).name == "Renamed"


def test_a_taken_name_is_its_own_failure(agent: Agent, other: Workspace) -> None:
    make(agent)
    with pytest.raises(blueprint.NameTaken):
        make(agent)
    stranger = Agent.objects.create(workspace=other, name="Greeter")
    make(stranger)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_get_one_name() -> None:
    workspace = Workspace.objects.create(name="Race", slug="race")
    agent = Agent.objects.create(workspace=workspace, name="Greeter")
    outcomes: list[str] = []
    barrier = threading.Barrier(4)

    def run() -> None:
        barrier.wait()
        try:
            blueprint.store(Trigger(workspace=workspace), body(agent))
            outcomes.append("made")
        except blueprint.NameTaken:
            outcomes.append("taken")
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "taken", "taken", "taken"]


def test_a_change_may_be_partial_and_counts_versions(agent: Agent) -> None:
    trigger = make(agent, cooldown_seconds=5)
    blueprint.store(trigger, {"config": {"event_type": "deal_created"}})
    trigger.refresh_from_db()
    assert (trigger.topic, trigger.cooldown_seconds, trigger.version) == ("deal_created", 5, 2)


def test_nothing_is_set_where_something_is_wrong(agent: Agent) -> None:
    trigger = make(agent)
    problems_of(trigger, {"name": "Other", "cooldown_seconds": -1})
    assert trigger.name == "New contacts"


def test_a_new_type_needs_its_own_configuration(agent: Agent) -> None:
    trigger = make(agent)
    assert "config.endpoint" in problems_of(trigger, {"trigger_type": "custom"})
    blueprint.store(trigger, {"trigger_type": "custom", "config": {"endpoint": "users"}})
    assert trigger.topic == "users"


def test_pausing_and_going_on_through_enabled(agent: Agent) -> None:
    trigger = make(agent, enabled=False)
    assert trigger.status == TriggerStatus.PAUSED
    trigger.status, trigger.last_error = TriggerStatus.ERROR, "broken"
    blueprint.apply(trigger, {"enabled": False})
    assert trigger.status == TriggerStatus.ERROR
    blueprint.apply(trigger, {"is_active": True})
    assert (trigger.status, trigger.last_error) == (TriggerStatus.ACTIVE, "")


@pytest.mark.parametrize(
    "changed, sent_back",
    [({"enabled": False}, {"is_active": True}), ({"is_active": False}, {"enabled": True})],
)
def test_of_a_name_and_its_alias_the_changed_one_is_meant(
    agent: Agent, changed: dict[str, Any], sent_back: dict[str, Any]
) -> None:
    trigger = make(agent)
    blueprint.apply(trigger, {**changed, **sent_back})
    assert trigger.status == TriggerStatus.PAUSED


def test_an_agent_may_be_changed_by_either_name(agent: Agent) -> None:
    second = Agent.objects.create(workspace=agent.workspace, name="Second")
    trigger = make(agent)
    blueprint.apply(trigger, {"agent_id": str(agent.pk), "pipeline_id": str(second.pk)})
    assert trigger.agent == second


def test_conditions_and_mapping_inside_the_configuration_are_found(agent: Agent) -> None:
    rule = {"field": "a", "operator": "exists"}
    trigger = make(
        agent,
        config={"event_type": "a", "conditions": [rule], "input_mapping": {"b": "$.b"}},
    )
    assert trigger.config == {"event_type": "a"}
    assert trigger.conditions["rules"] == [rule]
    assert trigger.input_mapping == {"b": "$.b"}


def test_strange_fields_are_warnings(agent: Agent) -> None:
    trigger = Trigger(workspace=agent.workspace)
    warnings = blueprint.apply(trigger, body(agent, cooldwn_seconds=5, total_executions=9))
    assert warnings == [
        "Unknown field 'cooldwn_seconds' was ignored. Did you mean 'cooldown_seconds'?"
    ]


def test_conditions_on_fields_that_the_type_cannot_have_are_warnings(agent: Agent) -> None:
    trigger = Trigger(workspace=agent.workspace)
    rule = {"field": "triggered_by.name", "operator": "exists"}
    warnings = blueprint.apply(
        trigger, body(agent, trigger_type="manual", config={}, conditions=[rule])
    )
    assert len(warnings) == 1
    assert warnings[0].startswith("conditions: ")
