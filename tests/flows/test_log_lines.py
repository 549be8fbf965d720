"""What the log says of one story, from the request to the request that an agent sends; and what it never says."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings
from pytest_httpserver import HTTPServer
from rest_framework.test import APIClient

from config.lib import logs
from crm.models import Form, Workspace
from executions.models import Execution
from tests.stories import MakeAgent, MakeTrigger

pytestmark = pytest.mark.django_db(transaction=True)

CANARY = "CANARY"
ID = "request-7"


class Log(logging.Handler):
    """Everything that would have been written, at every level."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[dict[str, Any]] = []
        self.setFormatter(logs.formatter())

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "werkzeug":  # the peer's own log
            return
        self.lines.append(orjson.loads(self.format(record)))

    def take(self, text: bytes) -> None:
        self.lines.extend(map(orjson.loads, text.splitlines()))

    def about(self, correlation: str) -> list[str]:
        found = [line for line in self.lines if line.get("correlation_id") == correlation]
        return [f"{line['level']}: {line['message']}" for line in found]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    handler = Log()
    monkeypatch.setattr(logs, "put", handler.take)
    root = logging.getLogger()
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)


@pytest.fixture
def peer(httpserver: HTTPServer, settings: Settings) -> HTTPServer:
    settings.OUTBOUND_ALLOW = ["127.0.0.1", "localhost"]
    return httpserver


def call(peer: HTTPServer, path: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {CANARY}12345678", "X-Api-Key": CANARY}
    url = peer.url_for(f"{path}?token={CANARY}")
    params = {"url": url, "headers": headers, "idempotent": True, "method": "POST"}
    return {"action": "http_request", "params": {**params, "json": {"password": CANARY}}}


def test_one_id_leads_from_the_request_to_the_request_that_an_agent_sends(
    api: APIClient,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    run_everything_due: Callable[[], None],
    log: Log,
    peer: HTTPServer,
) -> None:
    peer.expect_request("/hook").respond_with_json({})
    make_trigger(make_agent("Caller", call(peer, "/hook")), "signed_up")
    emission = {"endpoint": "signed_up", "data": {}, "dedupe_key": "once"}
    for _ in range(2):  # the second one is known already, and nothing is recorded
        api.post("/api/v1/triggers/emit", emission, HTTP_X_REQUEST_ID=ID)
    run_everything_due()
    assert peer.log[0][0].headers["X-Request-ID"] == ID
    told = log.about(ID)
    for line in ("event recorded", "run queued", "run started", "run completed"):
        assert told.count(f"info: {line}") == 1


def test_what_a_limit_stops_is_a_warning(
    api: APIClient,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    run_everything_due: Callable[[], None],
    log: Log,
) -> None:
    agent = make_agent("A", {"action": "notify", "params": {"message": "Hi"}})
    make_trigger(agent, "signed_up", cooldown_seconds=600)
    for number in range(2):
        emission = {"endpoint": "signed_up", "data": {}}
        api.post("/api/v1/triggers/emit", emission, HTTP_X_REQUEST_ID=f"{ID}-{number}")
    run_everything_due()
    assert "warning: run skipped" in log.about(f"{ID}-1")


def test_no_secret_is_ever_written(
    api: APIClient,
    acme: Workspace,
    owner: User,
    settings: Settings,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    run_everything_due: Callable[[], None],
    log: Log,
    peer: HTTPServer,
) -> None:
    """Tokens, headers, passwords, form tokens: through every door, and at every level of the log."""
    logging.getLogger("httpx").setLevel(logging.DEBUG)
    settings.FORM_MIN_SECONDS = 0
    peer.expect_request("/wrong").respond_with_data(f"token {CANARY}123456", status=400)
    peer.expect_request("/right").respond_with_json({"password": CANARY})
    for name in ("/right", "/wrong"):
        make_trigger(make_agent(name, call(peer, name)), "signed_up")
    secret = {"password": CANARY, "api_key": CANARY, "nested": {"token": CANARY}}
    api.post("/api/v1/triggers/emit", {"endpoint": "signed_up", "data": secret})
    api.post("/api/v1/tokens", {"name": "x", "scopes": ["read"]})
    APIClient().get("/api/v1/contacts", HTTP_AUTHORIZATION=f"Bearer tf_{CANARY}")
    api.post(
        "/api/v1/triggers/emit", data=f'{{"password": "{CANARY}"', content_type="application/json"
    )
    fields = [{"name": "email", "label": "E-mail", "type": "email", "required": True}]
    form = Form.objects.create(workspace=acme, name="F", slug="f", fields=fields)
    page = f"/forms/{form.public_id}/"
    browser = Client(headers={"accept": "text/html"})
    found = re.search(r'name="_token" value="([^"]+)"', browser.get(page).text)
    assert found
    browser.post(page, {"_token": found[1], "email": "a@example.org"})
    browser.post(page, {"_token": CANARY, "email": "a@example.org"})
    browser.post("/login/", {"username": "ann", "password": CANARY})
    browser.get("/ws/live/", query_params={"ticket": CANARY})
    browser.get(f"/webhooks/{CANARY}/")
    run_everything_due()
    assert Execution.objects.count() == 2
    written = orjson.dumps(log.lines).decode()
    assert "run failed" in written
    assert CANARY not in written
    assert found[1] not in written
