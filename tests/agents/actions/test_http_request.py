"""Asking other systems."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from agents.actions import ActionFailed, Effect
from agents.actions.http_request import effect_of
from crm.models import Workspace
from tests.agents.scenes import perform, problems, scene

ACME = Workspace(name="Acme", slug="acme")


@pytest.fixture
def server(httpserver: HTTPServer, settings: Any) -> HTTPServer:
    settings.OUTBOUND_ALLOW = [f"{httpserver.host}:{httpserver.port}"]
    return httpserver


@pytest.fixture
def seen(server: HTTPServer) -> list[Request]:
    """What reached `/hook`, which answers with JSON."""
    requests: list[Request] = []

    def answer(request: Request) -> Response:
        request.get_data()
        requests.append(request)
        return Response('{"id": 7}', 201, mimetype="application/json")

    server.expect_request("/hook").respond_with_handler(answer)
    return requests


def test_get(server: HTTPServer, seen: list[Request]) -> None:
    output = perform("http_request", scene(ACME), url=server.url_for("/hook"))
    assert seen[0].method == "GET"
    assert (output["status"], output["body"]) == (201, {"id": 7})


def test_post_json_with_headers(server: HTTPServer, seen: list[Request]) -> None:
    perform(
        "http_request",
        scene(ACME),
        method="post",
        url=server.url_for("/hook"),
        headers={"Authorization": "Bearer k", "X-Count": 3},
        json={"email": "ann@example.org", "n": [1, None]},
    )
    assert seen[0].get_json() == {"email": "ann@example.org", "n": [1, None]}
    assert (seen[0].headers["Authorization"], seen[0].headers["X-Count"]) == ("Bearer k", "3")
    assert "Idempotency-Key" not in seen[0].headers


def test_text_body_and_idempotency_key(server: HTTPServer, seen: list[Request]) -> None:
    perform(
        "http_request",
        scene(ACME, idempotency_key="run:4"),
        method="PUT",
        url=server.url_for("/hook"),
        headers={"Content-Type": "text/csv", "idempotency-key": "mine"},
        body="a,b",
        idempotent=True,
    )
    assert seen[0].get_data() == b"a,b"
    assert seen[0].headers["Content-Type"] == "text/csv"
    assert seen[0].headers["Idempotency-Key"] == "run:4"


@pytest.mark.parametrize(
    "params, effect",
    [
        ({}, Effect.REPEATABLE),
        ({"method": "GET"}, Effect.REPEATABLE),
        ({"method": "head"}, Effect.REPEATABLE),
        ({"method": "POST"}, Effect.OUTSIDE),
        ({"method": "DELETE"}, Effect.OUTSIDE),
        ({"method": "POST", "idempotent": False}, Effect.OUTSIDE),
        ({"method": "POST", "idempotent": "false"}, Effect.OUTSIDE),
        ({"method": "POST", "idempotent": True}, Effect.REPEATABLE),
        ({"method": "@inputs.method"}, Effect.OUTSIDE),
    ],
)
def test_effect(params: dict[str, Any], effect: Effect) -> None:
    assert effect_of(params) is effect


def test_an_expected_status_is_no_failure(server: HTTPServer) -> None:
    server.expect_request("/gone").respond_with_json(
        {"why": "gone", "key": "Bearer k-1"}, status=404
    )
    url = server.url_for("/gone")
    assert perform("http_request", scene(ACME), url=url, expect_status="404")["status"] == 404
    with pytest.raises(ActionFailed, match=r"answered 404 Not Found.*gone") as failed:
        perform("http_request", scene(ACME), url=url, headers={"X-Api-Key": "Bearer k-1"})
    assert not failed.value.retryable
    assert "k-1" not in str(failed.value)


def test_a_busy_peer_says_when(server: HTTPServer) -> None:
    server.expect_request("/busy").respond_with_data("later", 429, headers={"Retry-After": "7"})
    with pytest.raises(ActionFailed, match="429") as failed:
        perform("http_request", scene(ACME), method="POST", url=server.url_for("/busy"))
    assert (failed.value.retryable, failed.value.retry_after) == (True, 7)


@pytest.mark.parametrize(
    "params, message",
    [
        ({"url": "http://169.254.169.254/latest"}, "not a public address"),
        ({"url": ""}, "url is empty"),
        ({"method": "TRACE"}, "is not a method"),
        ({"body": "x"}, "GET sends no body"),
        ({"method": "POST", "body": "x", "json": {}}, "not both"),
        ({"headers": ["X"]}, "headers is an object"),
        ({"headers": {"X": {}}}, "headers.X is a text"),
        ({"headers": {"X": "a\nb"}}, "line break"),
        ({"expect_status": "many"}, "expect_status is a number"),
        ({"timeout_seconds": 1000}, "from 1 to 120"),
    ],
)
def test_what_cannot_be_asked_fails_in_words(
    server: HTTPServer, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(ActionFailed, match=message):
        perform("http_request", scene(ACME), **{"url": server.url_for("/hook"), **params})
    assert not server.log


@pytest.mark.parametrize(
    "params, wrong",
    [
        ({"url": "http://127.0.0.1/"}, {"url"}),
        ({"url": "ftp://example.org/"}, {"url"}),
        ({"url": "ftp://example.org/@contact.id"}, {"url"}),
        ({"url": "https://ann:pw@example.org/@contact.id"}, {"url"}),
        ({"url": "https://example.org/", "body": "x"}, {"method"}),
        ({"url": "https://example.org/", "method": "POST", "body": "x", "json": 1}, {"body"}),
        (
            {"url": "https://example.org/@contact.id", "method": "POST", "json": {"a": "@deal.id"}},
            set(),
        ),
        ({"url": "@inputs.url"}, set()),
    ],
)
def test_checked_on_save(params: dict[str, Any], wrong: set[str]) -> None:
    assert set(problems("http_request", ACME, **params)) == wrong
