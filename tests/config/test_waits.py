"""Requests that wait for somebody outside leave threads for the others, whatever they wait for."""

from __future__ import annotations

import threading

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from agents.models import McpServer
from config.lib import waits
from crm.models import Workspace
from tests.agents.models import MakeProvider


@pytest.mark.parametrize(
    ("threads", "wanted", "most"), [(8, 4, 4), (8, 20, 7), (1, 4, 1), (8, 0, 1)]
)
def test_there_are_fewer_places_than_threads(
    threads: int, wanted: int, most: int, settings: Settings
) -> None:
    settings.WEB_THREADS, settings.WEB_WAITS = threads, wanted
    assert waits.most() == most


@pytest.mark.django_db(transaction=True)
def test_all_kinds_share_the_places_and_pages_go_on(
    api: APIClient,
    acme: Workspace,
    make_provider: MakeProvider,
    owner: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waits, "_places", threading.BoundedSemaphore(1))
    monkeypatch.setattr(waits, "PATIENCE_SECONDS", 0.01)
    server = McpServer.objects.create(
        workspace=acme, name="tools", transport="http", url="https://tools.example/mcp"
    )
    asked = {
        f"/api/v1/mcp-servers/{server.pk}/test": {},
        f"/api/v1/model-providers/{make_provider().pk}/test": {"model": "small"},
        "/api/v1/triggers/draft": {"description": "Thank them.", "model": "offline:rules"},
    }
    User.objects.filter(pk=owner.pk).update(is_staff=True)
    visitor = Client(headers={"accept": "text/html"})
    visitor.force_login(owner)
    with waits.place():
        for address, body in asked.items():
            answer = api.post(address, body)
            assert (answer.status_code, answer.json()["error_code"]) == (503, "busy"), address
            assert int(answer["Retry-After"]) == waits.RETRY_AFTER_SECONDS
        page = visitor.post(f"/admin/agents/mcpserver/{server.pk}/do/test/")
        assert page.status_code == 503
        assert page["Retry-After"] == str(waits.RETRY_AFTER_SECONDS)
        assert waits.MESSAGE in page.text
        assert visitor.get("/agents/").status_code == 200
    assert api.post("/api/v1/triggers/draft", asked["/api/v1/triggers/draft"]).status_code == 200
