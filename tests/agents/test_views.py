"""Agents and actions over REST."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from rest_framework.test import APIClient

from agents.models import Agent
from crm.models import Role, Workspace
from executions.models import AuditEntry, Execution
from tests.conftest import MakeClient, MakeMember

AGENTS = "/api/v1/agents"
GOOD = {
    "name": "Greeter",
    "steps": [{"action": "create_note", "params": {"text": "Welcome @contact.first_name"}}],
}


@pytest.fixture
def made(api: APIClient) -> dict[str, Any]:
    response = api.post(AGENTS, GOOD)
    assert response.status_code == 201, response.content
    return dict(response.json())


def test_create_and_get(api: APIClient, made: dict[str, Any], acme: Workspace) -> None:
    assert set(made) >= {
        *("id", "name", "description", "status", "instructions", "model", "steps", "tools"),
        *("restrictions", "created_at", "updated_at"),
    }
    assert (made["status"], made["version"]) == ("draft", 1)
    assert made["restrictions"]["max_executions_per_minute"] == 10
    assert made["steps"][0]["on_error"] == "fail"
    assert api.get(f"{AGENTS}/{made['id']}").json() == made
    agent = Agent.objects.get()
    assert agent.workspace == acme
    assert agent.created_by is not None
    assert AuditEntry.objects.filter(verb="create").count() == 1


def test_list(api: APIClient, made: dict[str, Any]) -> None:
    api.post(AGENTS, {"name": "Alert"})
    body = api.get(AGENTS).json()
    assert ([row["name"] for row in body["results"]], body["total_count"]) == (
        ["Alert", "Greeter"],
        2,
    )
    assert api.get(AGENTS, {"status": "live,paused"}).json()["total_count"] == 0
    assert api.get(AGENTS, {"search": "greet"}).json()["total_count"] == 1
    assert api.get(AGENTS, {"status": "flying"}).status_code == 400


def test_patch_and_put(api: APIClient, made: dict[str, Any]) -> None:
    url = f"{AGENTS}/{made['id']}"
    patched = api.patch(url, {"restrictions": {"max_concurrent": 2}, "status": "live"}).json()
    assert (patched["restrictions"]["max_concurrent"], patched["restrictions"]["max_attempts"]) == (
        2,
        3,
    )
    assert (patched["status"], patched["version"], patched["name"]) == ("draft", 2, "Greeter")
    put = api.put(url, {"name": "Host", "steps": []})
    assert (put.json()["name"], put.json()["steps"], put.json()["version"]) == ("Host", [], 3)
    stale = api.patch(url, {"name": "X"}, HTTP_IF_MATCH='"old"')
    assert stale.status_code == 412


@pytest.mark.parametrize(
    "body, path",
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "X", "steps": [{"action": "create_not"}]}, "steps[0].action"),
        ({"name": "X", "steps": "x"}, "steps"),
        ({"name": "X", "steps": [{"action": "notify", "params": {"message": "@deal.x"}}]}, "steps[0].params.message"),
        ({"name": "X", "restrictions": {"max_attempts": 0}}, "restrictions.max_attempts"),
        ({"name": "X", "tools": {}}, "tools"),
    ],
)  # fmt: skip
def test_bad_input_is_told_by_its_path(api: APIClient, body: dict[str, Any], path: str) -> None:
    response = api.post(AGENTS, body)
    assert (response.status_code, response.json()["error_code"]) == (400, "invalid_agent")
    assert list(response.json()["details"]) == [path]
    assert not Agent.objects.exists()


def test_a_taken_name_is_409(api: APIClient, made: dict[str, Any]) -> None:
    response = api.post(AGENTS, GOOD)
    assert (response.status_code, response.json()["error_code"]) == (409, "name_taken")


def test_delete_keeps_the_history(api: APIClient, made: dict[str, Any]) -> None:
    api.post(f"{AGENTS}/{made['id']}/activate")
    run = api.post(f"{AGENTS}/{made['id']}/run", {}).json()["execution_id"]
    assert api.delete(f"{AGENTS}/{made['id']}").status_code == 204
    execution = Execution.objects.get(pk=run)
    assert (execution.agent, execution.agent_name) == (None, "Greeter")


def test_another_workspace_sees_nothing(foreign_api: APIClient, made: dict[str, Any]) -> None:
    url = f"{AGENTS}/{made['id']}"
    answers = [
        foreign_api.get(url),
        foreign_api.patch(url, {"name": "X"}),
        foreign_api.put(url, {"name": "X"}),
        foreign_api.delete(url),
        *(
            foreign_api.post(f"{url}/{verb}", {})
            for verb in ("activate", "pause", "archive", "run")
        ),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert foreign_api.get(AGENTS).json()["total_count"] == 0


def test_ids_that_are_none(api: APIClient) -> None:
    for wrong in (uuid.uuid4(), "f" * 32, "0" * 36):
        assert api.get(f"{AGENTS}/{wrong}").status_code == 404


def test_actions(api: APIClient) -> None:
    body = api.get("/api/v1/actions").json()
    names = {row["name"] for row in body["results"]}
    assert names >= {
        *("update_contact", "update_deal", "create_note", "create_task", "send_email"),
        *("http_request", "notify", "emit_event", "run_agent", "wait"),
    }
    assert body["total_count"] == len(body["results"])
    assert all(row["schema"]["properties"] for row in body["results"])


def test_who_may_what(made: dict[str, Any], member: MakeMember, client_of: MakeClient) -> None:
    url = f"{AGENTS}/{made['id']}"
    viewer = client_of(member("vic", role=Role.VIEWER))
    assert viewer.get(url).status_code == 200
    reader = client_of(member("rob"), scopes=["read"])
    for client in (viewer, reader):
        assert client.post(AGENTS, GOOD).status_code == 403
        assert client.patch(url, {"name": "X"}).status_code == 403
        assert client.post(f"{url}/activate").status_code == 403
        assert client.post(f"{url}/run", {}).status_code == 403
    assert APIClient().get(url).status_code == 401
