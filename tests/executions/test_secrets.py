"""Secrets that a run uses: they reach who they are for, and nobody can read them anywhere."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from pytest_httpserver import HTTPServer
from rest_framework.test import APIClient
from werkzeug import Request, Response

from agents import blueprint
from agents.models import Agent
from config.lib import clock
from executions import dispatcher, executor, sweep
from executions.models import Alert, Execution, Status, Step
from tests.stories import MakeTrigger
from triggers import events

pytestmark = pytest.mark.django_db(transaction=True)
CANARY = "canary-5f1e77aa90"


@pytest.fixture
def server(httpserver: HTTPServer, settings: Any) -> HTTPServer:
    settings.OUTBOUND_ALLOW = [f"{httpserver.host}:{httpserver.port}"]
    return httpserver


def tables_with(text: str) -> list[str]:
    """The tables of which a row holds the text anywhere."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            query = f'SELECT count(*) FROM "{table}" AS t WHERE t::text LIKE %s'
            cursor.execute(query, [f"%{text}%"])
            if cursor.fetchone()[0]:
                found.append(table)
    return found


def test_a_secret_reaches_its_host_and_is_read_nowhere(
    server: HTTPServer,
    api: APIClient,
    owner: User,
    make_trigger: MakeTrigger,
    run_everything_due: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, logger="executions")
    caplog.set_level(logging.DEBUG, logger="agents")
    seen: list[Request] = []

    def repeat(request: Request) -> Response:
        seen.append(request)
        said = f"you sent {request.headers['Authorization']} and {request.args['api_key']}"
        return Response(said, 200 if len(seen) == 1 else 403)

    server.expect_request("/hook").respond_with_handler(repeat)
    url = server.url_for("/hook") + f"?api_key={CANARY}-query"
    step = {
        "action": "http_request",
        "params": {"url": url, "headers": {"Authorization": f"Bearer {CANARY}"}},
    }
    body = {
        "name": "Caller",
        "steps": [step, {"action": "notify", "params": {"message": "@steps.1.output.body"}}, step],
    }
    made = api.post("/api/v1/agents", body)
    assert made.status_code == 201, made.content
    masked = made.json()["steps"]
    path = f"/api/v1/agents/{made.json()['id']}"
    assert api.put(path, {"name": "Caller", "steps": masked}).json()["steps"] == masked
    assert api.get(path).json()["version"] == 1
    other = [{**masked[0], "params": {**masked[0]["params"], "url": "https://evil.example/"}}]
    refused = api.patch(path, {"steps": other})
    assert refused.status_code == 400
    assert "steps[0].params.headers.Authorization" in refused.json()["details"]
    assert api.post(f"{path}/activate").status_code == 200

    agent = Agent.objects.get()
    make_trigger(agent, "sale")
    events.emit("sale", workspace_id=agent.workspace_id, payload={})
    dispatcher.dispatch()
    run_everything_due()
    execution = Execution.objects.get()
    assert execution.status == Status.FAILED
    assert "403" in execution.error_message
    assert [request.headers["Authorization"] for request in seen] == [f"Bearer {CANARY}"] * 2
    assert seen[0].args["api_key"] == f"{CANARY}-query"
    assert not tables_with(CANARY)
    ours = [record for record in caplog.records if record.name != "werkzeug"]  # the other side's
    assert ours
    assert CANARY not in "\n".join(str(record.__dict__) for record in ours)

    browser = Client()
    browser.force_login(owner)
    owner.is_staff = True
    owner.save()
    answers: list[Any] = [
        api.get(path),
        api.get("/api/v1/audit"),
        api.get(f"/api/v1/executions/{execution.pk}"),
        browser.get(f"/agents/{agent.pk}/"),
        browser.get(f"/executions/{execution.pk}/"),
        browser.get(f"/admin/agents/agent/{agent.pk}/change/"),
    ]
    for answer in answers:
        assert answer.status_code == 200
        assert CANARY.encode() not in answer.content


def test_a_run_that_goes_on_sees_what_it_saw_before(
    server: HTTPServer, start: Callable[..., Execution], run_everything_due: Callable[[], None]
) -> None:
    seen: list[Any] = []

    def take(request: Request) -> Response:
        seen.append(request.get_json())
        return Response("{}", mimetype="application/json")

    server.expect_request("/login").respond_with_json({"token": CANARY, "name": "Ann"})
    server.expect_request("/use").respond_with_handler(take)
    execution = start(
        {"action": "http_request", "params": {"url": server.url_for("/login")}},
        {"action": "wait", "params": {"minutes": 5}},
        {
            "action": "http_request",
            "params": {
                "url": server.url_for("/use"),
                "method": "POST",
                "json": {"t": "@steps.1.output.body.token"},
            },
        },
    )
    run_everything_due()
    step = Step.objects.get(number=1)
    assert step.response is not None
    assert step.response["body"] == {"token": "[redacted]", "name": "Ann"}
    assert step.sealed
    assert not tables_with(CANARY)
    Execution.objects.update(run_at=clock.now())
    Step.objects.update(started_at="2026-01-01T00:00Z")
    run_everything_due()
    execution.refresh_from_db()
    assert execution.status == Status.COMPLETED
    assert seen == [{"t": CANARY}]
    sweep.sweep()
    assert not Step.objects.exclude(sealed="").exists()


def test_a_host_that_is_away_cannot_repeat_a_secret_to_anybody(
    server: HTTPServer,
    start: Callable[..., Execution],
    run_everything_due: Callable[[], None],
    settings: Any,
) -> None:
    settings.HOST_FAILURES = 1

    def repeat(request: Request) -> Response:
        return Response(f"no {request.args['api_key']} {request.headers['X-Auth']}", 503)

    server.expect_request("/hook").respond_with_handler(repeat)
    execution = start({"action": "wait", "params": {"seconds": 0}})
    headers = {"X-Auth": f"{CANARY}-header"}
    url = server.url_for("/hook") + f"?api_key={CANARY}-query"
    step = {"action": "http_request", "params": {"url": url, "headers": headers}}
    blueprint.store(Agent.objects.get(), {"steps": [step]})
    run_everything_due()
    execution.refresh_from_db()
    assert (execution.status, execution.reason) == (Status.QUEUED, "host_away")
    assert "[redacted]" in execution.error_message
    assert Alert.objects.exists()
    assert not tables_with(CANARY)


def test_without_its_key_a_secret_is_asked_for_again(
    api: APIClient, start: Callable[..., Execution], settings: Any
) -> None:
    execution = start({"action": "wait", "params": {"seconds": 0}})
    path = f"/api/v1/agents/{execution.agent_id}"
    headers = {"Authorization": f"Bearer {CANARY}"}
    step = {"action": "http_request", "params": {"url": "https://e.example/", "headers": headers}}
    masked = api.patch(path, {"steps": [step]}).json()["steps"]
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    executor.drain()
    execution.refresh_from_db()
    assert execution.status == Status.FAILED
    assert "FIELD_KEY" in execution.error_message
    assert api.get(path).json()["steps"] == masked
    refused = api.patch(path, {"steps": masked})
    assert refused.status_code == 400
    assert "Give the secret itself again" in refused.json()["error_message"]
    assert api.patch(path, {"steps": [step]}).status_code == 200
