"""Model providers over REST: written by admins, keys never answered and sent to no other address, tried by a button."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from rest_framework.test import APIClient

from agents.models import Agent, ModelProvider
from config.lib import waits
from crm.models import Role, Workspace
from executions.models import AuditEntry
from tests.agents.models import MakeProvider
from tests.agents.modelserver import Fault, ModelServer
from tests.conftest import MakeClient, MakeMember

pytestmark = pytest.mark.django_db

URL = "/api/v1/model-providers"
KEY = "sk-canary-0123456789"


def test_a_key_is_written_and_never_answered(api: APIClient) -> None:
    made = api.post(URL, {"name": "openai", "kind": "openai", "api_key": KEY})
    assert made.status_code == 201, made.json()
    assert made.json()["has_key"] is True
    listed = api.get(URL)
    assert KEY not in listed.content.decode() + made.content.decode()
    assert ModelProvider.objects.get().api_key == KEY
    row = ModelProvider.objects.extra(select={"raw": "api_key"}).values_list("raw", flat=True).get()
    assert KEY not in row
    assert KEY not in str(list(AuditEntry.objects.values_list("before", "after")))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "Open AI", "kind": "openai", "api_key": KEY}, "name"),
        ({"name": "offline", "kind": "openai", "api_key": KEY}, "name"),
        ({"name": "x", "kind": "opnai", "api_key": KEY}, "kind"),
        ({"name": "x", "kind": "openai"}, "api_key"),
        ({"name": "x", "kind": "openai-compatible"}, "base_url"),
        ({"name": "x", "kind": "ollama", "base_url": "http://169.254.169.254/v1"}, "base_url"),
        ({"name": "x", "kind": "ollama", "base_url": "file:///etc/passwd"}, "base_url"),
        ({"kind": "openai", "api_key": KEY}, "name"),
        ({"name": "x", "kind": "openai", "api_key": "sk-“quoted”"}, "api_key"),
        ({"name": "x", "kind": "openai", "api_key": "sk-\nsk"}, "api_key"),
    ],
    ids=[
        "spaces",
        "offline",
        "kind",
        "no-key",
        "no-url",
        "link-local",
        "file",
        "no-name",
        "not-ascii",
        "two-lines",
    ],
)
def test_what_is_wrong_is_told_by_field(api: APIClient, body: dict[str, Any], field: str) -> None:
    answer = api.post(URL, body)
    assert answer.status_code == 400
    assert list(answer.json()["details"]) == [field]


def test_a_stored_key_goes_to_no_other_address(api: APIClient) -> None:
    made = api.post(URL, {"name": "x", "kind": "openai", "api_key": KEY}).json()
    one = f"{URL}/{made['id']}"
    moved = api.patch(one, {"base_url": "https://evil.example/v1"})
    assert list(moved.json()["details"]) == ["api_key"]
    assert api.patch(one, {"name": "y"}).status_code == 200
    again = {"base_url": "https://proxy.example/v1", "api_key": "sk-other-one"}
    assert api.patch(one, again).status_code == 200


def test_a_name_is_taken_once(api: APIClient) -> None:
    body = {"name": "x", "kind": "openai", "api_key": KEY}
    assert api.post(URL, body).status_code == 201
    assert api.post(URL, body).status_code == 409


def test_only_admins_change_them(api: APIClient, member: MakeMember, client_of: MakeClient) -> None:
    editor = client_of(member("ed", role=Role.EDITOR))
    assert editor.post(URL, {"name": "x", "kind": "openai", "api_key": KEY}).status_code == 403
    assert editor.get(URL).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_the_connection_is_tried(
    api: APIClient, brain: ModelServer, make_provider: MakeProvider
) -> None:
    row = make_provider()
    answer = api.post(f"{URL}/{row.pk}/test", {"model": "small"})
    assert answer.json()["ok"] is True
    assert "Fine." in answer.json()["message"]
    brain.say(Fault.UNAUTHORISED)
    answer = api.post(f"{URL}/{row.pk}/test", {"model": "small"})
    assert answer.status_code == 200
    assert answer.json()["ok"] is False
    assert "Check the key" in answer.json()["message"]
    assert api.post(f"{URL}/{row.pk}/test", {}).status_code == 400


@pytest.mark.django_db(transaction=True)
def test_a_few_connections_are_tried_at_a_time(
    api: APIClient, make_provider: MakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, places = make_provider(), threading.BoundedSemaphore(1)
    monkeypatch.setattr(waits, "_places", places)
    monkeypatch.setattr(waits, "PATIENCE_SECONDS", 0.01)
    with places:
        busy = api.post(f"{URL}/{row.pk}/test", {"model": "small"})
    assert (busy.status_code, busy.json()["error_code"]) == (503, "busy")
    assert api.post(f"{URL}/{row.pk}/test", {"model": "small"}).json()["ok"] is True
    assert places.acquire(blocking=False), "the place is free again"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("brain")
def test_a_key_that_no_header_can_carry_is_said(
    api: APIClient, make_provider: MakeProvider
) -> None:
    """One that was stored before such keys were refused, or that stands in the environment."""
    row = make_provider(api_key="sk-“quoted”")
    answer = api.post(f"{URL}/{row.pk}/test", {"model": "small"})
    assert answer.status_code == 200
    assert answer.json()["ok"] is False
    assert "cannot be sent" in answer.json()["message"]


def test_an_agent_says_why_its_model_cannot_be_asked(
    api: APIClient, acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    made = api.post("/api/v1/agents", {"name": "A", "model": "openai:gpt-5.6"}).json()
    assert "OPENAI_API_KEY" in made["model_problem"]
    ModelProvider.objects.create(workspace=acme, name="openai", kind="openai", api_key=KEY)
    one = api.get(f"/api/v1/agents/{made['id']}").json()
    assert one["model_problem"] == ""
    Agent.objects.update(model="offline:rules")
    assert api.get(f"/api/v1/agents/{made['id']}").json()["model_problem"] == ""
