"""Checks before saving, and emitting, over REST."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from agents.models import Agent
from config.lib import throttle
from crm.models import Role, Workspace
from tests.conftest import MakeClient, MakeMember
from triggers import event_types
from triggers.models import Event, Trigger

URL = "/api/v1/triggers"
event_types.register("tests_views.secret", label="Secret", schema={"type": "object"}, sample={})
event_types.register(
    "tests_views.open",
    label="Open",
    schema={"type": "object", "required": ["door"]},
    sample={"door": 1},
    reserved=False,
)


def test_emitting_records_an_event(api: APIClient, acme: Workspace, owner: Any) -> None:
    body = {"endpoint": "user_events", "data": {"user": {"id": 7}}, "dedupe_key": "7"}
    answer = api.post(f"{URL}/emit", body)
    assert answer.status_code == 202, answer.content
    event = Event.objects.get(pk=answer.json()["event_id"])
    assert (event.workspace, event.type, event.topic) == (acme, "user_events", "user_events")
    assert event.payload == {"endpoint": "user_events", "data": {"user": {"id": 7}}}
    assert event.actor == f"user:{owner.pk}"
    again = api.post(f"{URL}/emit", body)
    assert (again.status_code, again.json()) == (202, answer.json())
    assert Event.objects.count() == 1


def test_many_events_in_one_request(
    api: APIClient, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    body = [
        {"endpoint": "orders.paid", "data": {"n": n}, "dedupe_key": f"{n}"} for n in range(1000)
    ]
    with django_assert_max_num_queries(12):
        answer = api.post(f"{URL}/emit", body)
    assert answer.status_code == 202, answer.content[:300]
    again = api.post(f"{URL}/emit", body)
    assert answer.json() == again.json()
    assert Event.objects.count() == len(set(answer.json()["event_ids"])) == 1000
    wrong = api.post(f"{URL}/emit", [*body[:2], {"endpoint": "x", "data": 1}])
    assert wrong.status_code == 400
    assert list(wrong.json()["details"]) == ["[2].data"]
    closed = api.post(f"{URL}/emit", [body[0], {"endpoint": "manual", "data": {}}])
    assert closed.status_code == 403
    assert api.post(f"{URL}/emit", "5").status_code == 400
    assert api.post(f"{URL}/validate", []).status_code == 400  # only emit takes lists


def test_a_list_counts_what_it_brings(
    client_of: MakeClient, member: MakeMember, settings: Settings
) -> None:
    throttle._client.cache_clear()
    settings.EMIT_EVENTS_PER_MINUTE = 5
    client = client_of(member("dora"))
    body = [{"endpoint": "a", "data": {}}] * 3
    assert client.post(f"{URL}/emit", body).status_code == 202
    refused = client.post(f"{URL}/emit", body)
    assert (refused.status_code, int(refused["Retry-After"]) > 0) == (429, True)
    assert client.post(f"{URL}/emit", body[:2]).status_code == 202
    assert Event.objects.count() == 5


@pytest.mark.parametrize(
    "body, status, path",
    [
        ({}, 400, "endpoint"),
        ({"endpoint": "user_events"}, 400, "data"),
        ({"endpoint": "user_events", "data": "x"}, 400, "data"),
        ({"endpoint": "user_events", "data": [1]}, 400, "data"),
        ({"endpoint": "Not A Name", "data": {}}, 400, "endpoint"),
        ({"endpoint": 7, "data": {}}, 400, "endpoint"),
        ({"endpoint": "webhook:x", "data": {}}, 400, "endpoint"),
        ({"endpoint": "a", "data": {}, "dedupe_key": None}, 400, "dedupe_key"),
        ({"endpoint": "a", "data": {}, "dedup_key": "7"}, 400, "dedup_key"),
        ({"endpoint": "tests_views.open", "data": {}}, 400, "data"),
        ({"endpoint": "tests_views.secret", "data": {}}, 403, None),
        ({"endpoint": "manual", "data": {}}, 403, None),
    ],
)
def test_what_cannot_be_emitted(
    api: APIClient, body: dict[str, Any], status: int, path: str | None
) -> None:
    answer = api.post(f"{URL}/emit", body)
    assert answer.status_code == status, answer.content
    assert path is None or path in answer.json()["details"]
    assert not Event.objects.exists()


def test_emitting_is_limited_per_user_and_token(
    client_of: MakeClient, member: MakeMember, settings: Any
) -> None:
    settings.EMIT_PER_MINUTE = 2
    for key in throttle._client().scan_iter("throttle:emit:*"):
        throttle._client().delete(key)  # an earlier run had users of the same ids
    bob = member("bob")
    one, two = client_of(bob), client_of(bob)
    body = {"endpoint": "user_events", "data": {}}
    answers = [one.post(f"{URL}/emit", body), two.post(f"{URL}/emit", body)]
    assert [answer.status_code for answer in answers] == [202, 202]
    refused = one.post(f"{URL}/emit", body)
    assert (refused.status_code, refused.json()["error_code"]) == (429, "rate_limited")
    assert int(refused["Retry-After"]) > 0
    assert client_of(member("cat")).post(f"{URL}/emit", body).status_code == 202


def test_readers_do_not_emit(client_of: MakeClient, member: MakeMember) -> None:
    viewer = client_of(member("vic", role=Role.VIEWER))
    body = {"endpoint": "user_events", "data": {}}
    assert viewer.post(f"{URL}/emit", body).status_code == 403
    assert APIClient().post(f"{URL}/emit", body).status_code == 401


@pytest.fixture
def agent(acme: Workspace) -> Agent:
    return Agent.objects.create(workspace=acme, name="Greeter")


def test_a_trigger_is_checked_without_being_saved(api: APIClient, agent: Agent) -> None:
    body = {
        "name": "New",
        "agent_id": str(agent.pk),
        "trigger_type": "event",
        "config": {"event_type": "tests_views.secrt"},
    }
    answer = api.post(f"{URL}/validate", body)
    assert (answer.status_code, answer.json()["valid"]) == (200, True)
    assert "tests_views.secret" in answer.json()["warnings"][0]
    refused = api.post(f"{URL}/validate", {**body, "config": {}, "conditions": [{"field": "a"}]})
    assert refused.status_code == 400
    assert set(refused.json()["details"]) == {"config.event_type", "conditions[0].operator"}
    assert not Trigger.objects.visible().exists()


def test_a_change_is_checked_against_the_stored_trigger(
    api: APIClient, foreign_api: APIClient, agent: Agent
) -> None:
    stored = Trigger.objects.get(agent=agent)
    assert api.post(f"{URL}/validate", {"id": str(stored.pk), "name": "x"}).status_code == 200
    assert api.post(f"{URL}/validate", {"id": "x"}).status_code == 400
    assert foreign_api.post(f"{URL}/validate", {"id": str(stored.pk)}).status_code == 404
    assert Trigger.objects.get(pk=stored.pk).name == stored.name


RULE = {"field": "deal.value", "operator": "gt", "value": 10_000}


@pytest.mark.parametrize(
    "body, kind",
    [
        ({"conditions": [RULE]}, "rule"),
        ({"conditions": []}, "rule"),
        (
            {"type": "combined", "logic": "OR", "conditions": [{"type": "rule", "rules": [RULE]}]},
            "combined",
        ),
        ({"rules": [RULE], "logic": "NOT"}, "rule"),
    ],
)
def test_valid_conditions_are_answered_as_they_are_stored(
    api: APIClient, body: dict[str, Any], kind: str
) -> None:
    answer = api.post(f"{URL}/validate-conditions", body)
    assert answer.status_code == 200, answer.content
    assert answer.json()["valid"] is True
    assert answer.json()["canonical"]["type"] == kind
    assert answer.json()["canonical"]["logic"] == body.get("logic", "AND")


@pytest.mark.parametrize(
    "body, path",
    [
        ({}, "conditions"),
        ({"conditions": 5}, "conditions"),
        ({"conditions": [{**RULE, "operator": "graeter_than"}]}, "conditions[0].operator"),
        ({"type": "combined", "conditions": [5]}, "conditions.conditions[0]"),
    ],
)
def test_invalid_conditions_are_told_by_path(
    api: APIClient, body: dict[str, Any], path: str
) -> None:
    answer = api.post(f"{URL}/validate-conditions", body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "invalid_conditions")
    assert list(answer.json()["details"]) == [path]


def test_fields_that_a_type_cannot_have_are_warnings(api: APIClient) -> None:
    body = {
        "conditions": [{**RULE, "field": "triggered_by.x"}],
        "trigger_type": "manual",
        "config": {},
    }
    assert len(api.post(f"{URL}/validate-conditions", body).json()["warnings"]) == 1
    unknown = {**body, "trigger_type": "no"}
    assert api.post(f"{URL}/validate-conditions", unknown).json()["warnings"] == []


@pytest.mark.parametrize("name, value", [("trigger_type", 5), ("config", [])])
def test_a_type_and_its_configuration_have_their_shape(
    api: APIClient, name: str, value: object
) -> None:
    answer = api.post(f"{URL}/validate-conditions", {"conditions": [], name: value})
    assert (answer.status_code, list(answer.json()["details"])) == (400, [name])
    assert api.post(f"{URL}/validate-conditions", {"conditions": [], name: None}).status_code == 200


@pytest.mark.parametrize("path", ["emit", "validate", "validate-conditions"])
def test_fixed_paths_know_their_method(api: APIClient, path: str) -> None:
    answer = api.get(f"{URL}/{path}")
    assert (answer.status_code, answer.json()["error_code"]) == (405, "method_not_allowed")
