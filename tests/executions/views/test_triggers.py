"""Triggers over REST: written, switched on and off, and who may do so."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from rest_framework.test import APIClient

from agents.models import Agent
from crm.models import Role, Workspace
from executions.models import AuditEntry, TriggerGate
from tests.conftest import MakeClient, MakeMember
from tests.executions.views.asking import URL, body, names
from triggers import sources
from triggers.models import Trigger, TriggerStatus

FIELDS = {
    *("id", "name", "description", "agent_id", "trigger_type", "config", "conditions"),
    *("input_mapping", "default_inputs", "enabled", "status", "last_error", "max_concurrent"),
    *("cooldown_seconds", "ignore_cooldown", "allow_reentry", "max_age_seconds"),
    "fail_open",
    *("max_executions_per_hour", "failure_threshold", "consecutive_failures"),
    *("last_execution_at", "next_run_time", "webhook_url", "total_executions"),
    *("successful_executions", "failed_executions", "created_at", "updated_at", "created_by"),
    *("pipeline_id", "task_parameters", "is_active"),
}


def test_creating_answers_the_whole_trigger(api: APIClient, agent: Agent) -> None:
    answer = api.post(
        URL, body(agent, conditions=[{"field": "data.age", "operator": "gt", "value": 18}])
    )
    assert answer.status_code == 201, answer.content
    created = answer.json()
    assert created.keys() >= FIELDS
    assert created["conditions"]["rules"][0]["operator"] == "greater_than"
    assert created["enabled"] is created["is_active"] is True
    assert created["total_executions"] == 0
    assert created["warnings"] == []
    assert api.get(f"{URL}/{created['id']}").json() == {
        key: value for key, value in created.items() if key != "warnings"
    }
    assert [entry.verb for entry in AuditEntry.objects.all()] == ["create"]


@pytest.mark.parametrize(
    "more, status, code, path",
    [
        ({"name": ""}, 400, "invalid_trigger", "name"),
        ({"agent_id": str(uuid.uuid4())}, 400, "invalid_trigger", "agent_id"),
        ({"trigger_type": "cronn"}, 400, "invalid_trigger", "trigger_type"),
        ({"config": {"endpoint": "No!"}}, 400, "invalid_config", "config.endpoint"),
        (
            {"conditions": [{"field": "a", "operator": "is?"}]},
            400,
            "invalid_conditions",
            "conditions[0].operator",
        ),
        ({"cooldown_seconds": "5"}, 400, "invalid_trigger", "cooldown_seconds"),
        ({"name": "Signed up"}, 409, "name_taken", "name"),
    ],
)
def test_bad_bodies_are_told_by_field(
    api: APIClient,
    agent: Agent,
    trigger: Trigger,
    more: dict[str, Any],
    status: int,
    code: str,
    path: str,
) -> None:
    answer = api.post(URL, body(agent, **more))
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert list(answer.json()["details"]) == [path]
    assert Trigger.objects.visible().count() == 1


def test_what_was_read_can_be_put_back(api: APIClient, trigger: Trigger) -> None:
    read = api.get(f"{URL}/{trigger.pk}")
    changed = {**read.json(), "enabled": False}
    answer = api.put(f"{URL}/{trigger.pk}", changed, headers={"If-Match": read["ETag"]})
    assert answer.status_code == 200, answer.content
    assert (answer.json()["status"], answer.json()["is_active"]) == ("paused", False)
    stale = api.put(f"{URL}/{trigger.pk}", changed, headers={"If-Match": read["ETag"]})
    assert stale.status_code == 412


def test_put_and_patch_take_parts(api: APIClient, trigger: Trigger) -> None:
    assert api.put(f"{URL}/{trigger.pk}", {"name": "Renamed"}).json()["name"] == "Renamed"
    assert api.patch(f"{URL}/{trigger.pk}", {"cooldown_seconds": 9}).json()["cooldown_seconds"] == 9
    trigger.refresh_from_db()
    assert (trigger.topic, trigger.version) == ("signed_up", 3)


def test_figures_make_no_write_stale(api: APIClient, trigger: Trigger) -> None:
    etag = api.get(f"{URL}/{trigger.pk}")["ETag"]
    TriggerGate.objects.create(trigger=trigger, total_executions=5)
    answer = api.get(f"{URL}/{trigger.pk}")
    assert (answer["ETag"], answer.json()["total_executions"]) == (etag, 5)


def test_deleting(api: APIClient, trigger: Trigger) -> None:
    assert api.delete(f"{URL}/{trigger.pk}").status_code == 204
    assert api.get(f"{URL}/{trigger.pk}").status_code == 404


def test_on_and_off(api: APIClient, trigger: Trigger) -> None:
    TriggerGate.objects.create(trigger=trigger, consecutive_failures=4)
    Trigger.objects.update(status=TriggerStatus.ERROR, last_error="broken")
    for verb, status in (
        ("resume", "active"),
        ("pause", "paused"),
        ("enable", "active"),
        ("disable", "paused"),
    ):
        answer = api.post(f"{URL}/{trigger.pk}/{verb}")
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    told = api.get(f"{URL}/{trigger.pk}").json()
    assert (told["consecutive_failures"], told["last_error"]) == (0, "")
    assert AuditEntry.objects.count() == 4


def test_switching_on_by_put_forgets_the_failures(api: APIClient, trigger: Trigger) -> None:
    TriggerGate.objects.create(trigger=trigger, consecutive_failures=4)
    Trigger.objects.update(status=TriggerStatus.ERROR, last_error="broken")
    answer = api.put(f"{URL}/{trigger.pk}", {"enabled": True}).json()
    assert (answer["status"], answer["last_error"], answer["consecutive_failures"]) == (
        "active",
        "",
        0,
    )


def test_another_workspace_sees_nothing(
    foreign_api: APIClient, other: Workspace, trigger: Trigger, agent: Agent
) -> None:
    assert names(foreign_api.get(URL)) == []
    address = f"{URL}/{trigger.pk}"
    answers = [
        *(foreign_api.get(f"{URL}/{word}/{agent.pk}") for word in ("agent", "pipeline")),
        *(foreign_api.get(address + end) for end in ("", "/status", "/executions", "/events")),
        *(foreign_api.post(address + end) for end in ("/test", "/dry-run", "/enable", "/disable")),
        foreign_api.put(address, {"name": "Stolen"}),
        foreign_api.patch(address, {"name": "Stolen"}),
        foreign_api.delete(address),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert foreign_api.post(URL, body(agent)).status_code == 400
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "path", ["", "/status", "/agent/x", "/00000000-0000-0000-0000-00000000000z"]
)
def test_nobody_gets_in_without_a_token(path: str, db: None) -> None:
    assert APIClient().get(URL + path).status_code in {401, 404}


def test_scopes(
    client_of: MakeClient, owner: Any, member: MakeMember, trigger: Trigger, agent: Agent
) -> None:
    reader = client_of(owner, scopes=["read"])
    address = f"{URL}/{trigger.pk}"
    assert reader.get(URL).status_code == 200
    assert reader.post(f"{address}/dry-run", {}).status_code == 200
    refused = [
        reader.post(URL, body(agent)),
        reader.patch(address, {}),
        reader.delete(address),
        reader.post(f"{address}/test", {}),
        reader.post(f"{address}/enable"),
        client_of(owner, scopes=["read", "write"]).post(f"{address}/test", {}),
        client_of(member("vic", role=Role.VIEWER)).patch(address, {}),
    ]
    assert {answer.status_code for answer in refused} == {403}


def test_the_schema_names_the_types_that_are_installed(api: APIClient) -> None:
    parts = api.get("/api/schema/?format=json").json()["components"]["schemas"]
    asked = parts["TriggerRequest"]["properties"]["trigger_type"]
    named = parts[asked["allOf"][0]["$ref"].split("/")[-1]] if "allOf" in asked else asked
    assert set(named["enum"]) == {*sources.registry, *sources.aliases}
    assert "enum" not in parts["Trigger"]["properties"]["trigger_type"]
