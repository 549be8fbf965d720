"""The bare route in front of Django: what it answers with, what it logs, and what its work gives away."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from config.lib import logs
from tests.triggers.hooks import BODY, send
from tests.webhooks import Client
from triggers import intake, receiving, webhook_types
from triggers.models import Event
from triggers.webhook_types import Incoming

pytestmark = pytest.mark.django_db


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[logs.Line]:
    told: list[logs.Line] = []
    monkeypatch.setattr(logs, "tell", lambda _, some: told.extend(some))
    return told


@pytest.mark.parametrize("how", ["accepted", "refused", "unknown"])
def test_every_answer_has_the_same_headers(how: str, token: str) -> None:
    given = {"X-Request-ID": "mine-1"} | ({"X-Webhook-Signature": "0"} if how == "refused" else {})
    found = send("unknown" if how == "unknown" else token, headers=given)
    assert found["X-Request-ID"] == "mine-1"
    assert (found["Cache-Control"], found["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert (found["X-Content-Type-Options"], found["X-Frame-Options"]) == ("nosniff", "DENY")
    assert "default-src 'self'" in found["Content-Security-Policy"]
    assert found["Content-Type"] == "application/json"
    if how != "accepted":
        assert found.json()["request_id"] == "mine-1"


def test_the_event_carries_the_request_s_id(token: str) -> None:
    event_id = send(token, headers={"X-Request-ID": "mine-2"}).json()["event_id"]
    assert Event.objects.get(pk=event_id).correlation_id == "mine-2"


@pytest.mark.parametrize(
    "path", ["/webhooks/", "/webhooks/a/b", f"/webhooks/{'x' * 101}", "/webhooks//"]
)
def test_what_is_no_address_is_not_found(path: str) -> None:
    found = Client().post(path, BODY, content_type="application/json")
    assert (found.status_code, found.json()["error_code"]) == (404, "not_found")


def test_a_slash_at_the_end_is_the_same_address(token: str) -> None:
    assert send(f"{token}/").status_code == 202


def test_hosts_that_are_not_ours_are_refused(token: str, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["triggerfish.example"]
    assert send(token, headers={"Host": "elsewhere.example"}).json()["error_code"] == "bad_host"
    assert send(token, headers={"Host": "triggerfish.example:8000"}).status_code == 202


def test_where_there_must_be_tls_nothing_is_taken_without(token: str, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 31_536_000
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    plain = send(token)
    assert (plain.status_code, plain["Location"]) == (301, f"https://localhost/webhooks/{token}")
    assert not Event.objects.exists()
    secure = send(token, headers={"X-Forwarded-Proto": "https"})
    assert secure.status_code == 202
    assert secure["Strict-Transport-Security"].startswith("max-age=31536000")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PATCH", "TRACE", "BREW"])
def test_other_methods_are_told_which_there_are(method: str, token: str) -> None:
    found = send(token, method=method)
    assert (found.status_code, found["Allow"]) == (405, "POST")


def test_a_line_of_the_log_names_the_route_and_not_the_address(
    token: str, lines: list[logs.Line]
) -> None:
    send(token, headers={"X-Request-ID": "mine-3"})
    send("CANARY" * 30)
    own = [fields for _, message, fields in lines if message == "request_finished"]
    assert dict(own[0]) | {"ms": 0} == {
        "correlation_id": "mine-3",
        "code": 202,
        "request": "POST /webhooks/<webhook_id>",
        "ms": 0,
    }
    assert own[1]["request"] == "POST (no such address)"
    assert token not in str(lines)
    assert "CANARY" not in str(lines)


# --- what the time tells --------------------------------------------------------------------------------------------


def test_an_unknown_address_is_the_same_work_as_a_wrong_signature(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same statements before the answer, and one signature computed; the row of the refused comes after it."""
    verified: list[str] = []
    kind = type(webhook_types.find("generic"))
    verify = kind.verify

    def counted(self: Any, request: Incoming, config: Any, *, now: float) -> None:
        verified.append(config["secret"])
        verify(self, request, config, now=now)

    monkeypatch.setattr(kind, "verify", counted)

    def work(address: str) -> tuple[int, list[str], int]:
        incoming = Incoming("POST", {"x-webhook-signature": "0" * 64}, BODY, peer="192.0.2.1")
        arrival = receiving.Arrival(address, incoming, "192.0.2.1", "r", size=len(BODY))
        before = len(verified)
        with CaptureQueriesContext(connection) as asked:
            receiving.receive([arrival])
        assert isinstance(arrival.answer, intake.Refused)
        statements = [one["sql"].split(" FROM ")[-1].split(" ")[0] for one in asked]
        return arrival.answer.status, statements, len(verified) - before

    receiving.receive([])
    work(token)  # reads the database's clock, once a minute
    known, unknown = work(token), work("wh_unknown")
    assert (known[0], unknown[0]) == (401, 404)
    assert known[1:] == unknown[1:]
    assert known[2] == 1
