"""The door for outgoing HTTP, against a real server on this machine: what is sent, read and followed."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from agents import answers, http
from agents.actions import ActionFailed
from agents.addresses import NotAllowed


@pytest.fixture
def server(httpserver: HTTPServer, settings: Any) -> HTTPServer:
    """A server of this machine that the operator has opened."""
    settings.OUTBOUND_ALLOW = [f"{httpserver.host}:{httpserver.port}"]
    return httpserver


async def test_proxies_of_the_environment_are_not_used(
    server: HTTPServer, monkeypatch: Any
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1/")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1/")
    server.expect_request("/").respond_with_data("here")
    assert (await http.request("GET", url=server.url_for("/"))).body == "here"


async def test_sends_what_it_is_given_and_reads_the_answer(server: HTTPServer) -> None:
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        seen.append(request)
        return Response(
            '{"ok": true}',
            201,
            {"Set-Cookie": "s=1", "X-Request-ID": "r1"},
            mimetype="application/json",
        )

    server.expect_request("/hook", method="POST").respond_with_handler(answer)
    got = await http.request(
        "POST", url=server.url_for("/hook?key=secret"), headers={"X-One": "1"}, content=b'{"a": 1}'
    )
    assert (got.status, got.body, got.url) == (201, {"ok": True}, server.url_for("/hook"))
    assert got.headers["x-request-id"] == "r1"
    assert "set-cookie" not in got.headers
    assert seen[0].get_data() == b'{"a": 1}'
    assert seen[0].headers["X-One"] == "1"
    assert seen[0].headers["Host"] == f"{server.host}:{server.port}"
    assert seen[0].headers["User-Agent"].startswith("Triggerfish/")


@pytest.mark.parametrize(
    "content, content_type, body",
    [
        (b'{"a": [1]}', "application/json", {"a": [1]}),
        (b'{"a": 1}', "application/problem+json; charset=utf-8", {"a": 1}),
        (b"{broken", "application/json", "{broken"),
        (b"", "application/json", None),
        ("grün".encode("latin-1"), "text/plain; charset=iso-8859-1", "grün"),
        (b"gr\xfcn", "text/plain", "gr\ufffdn"),
        (b"x", "text/html; charset=no-such", "x"),
        (b"\x89PNG", "image/png", None),
    ],
)
async def test_decodes_by_content_type(
    server: HTTPServer, content: bytes, content_type: str, body: Any
) -> None:
    server.expect_request("/").respond_with_data(content, content_type=content_type)
    assert (await http.request("GET", url=server.url_for("/"))).body == body


async def test_an_answer_that_is_too_large_is_not_read_to_its_end(server: HTTPServer) -> None:
    server.expect_request("/").respond_with_data(b"x" * (answers.MAX_BYTES + 1))
    with pytest.raises(ActionFailed, match="more than 1024 KiB"):
        await http.request("GET", url=server.url_for("/"))


async def test_a_compressed_answer_is_refused(server: HTTPServer) -> None:
    bomb = gzip.compress(b"0" * 5_000_000)
    server.expect_request("/").respond_with_data(bomb, headers={"Content-Encoding": "gzip"})
    with pytest.raises(ActionFailed, match="compressed"):
        await http.request("GET", url=server.url_for("/"))


@pytest.mark.parametrize("repeatable", [True, False])
async def test_no_answer_in_time(server: HTTPServer, repeatable: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def never(request: Request) -> Response:
        asyncio.run_coroutine_threadsafe(stop.wait(), loop).result(10)
        return Response("late")

    server.expect_request("/").respond_with_handler(never)
    with pytest.raises(ActionFailed, match="did not answer within") as failed:
        await http.request("GET", url=server.url_for("/"), seconds=0.2, repeatable=repeatable)
    assert failed.value.retryable is repeatable
    assert ("is not known" in str(failed.value)) is not repeatable
    stop.set()


async def test_a_port_where_nobody_listens_may_be_tried_again(settings: Any) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]
    with pytest.raises(
        ActionFailed, match=r"No connection to http://127\.0\.0\.1:9/hook"
    ) as failed:
        await http.request("POST", url="http://127.0.0.1:9/hook?token=secret")
    assert failed.value.retryable
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "x"},
        {"content-length": "5"},
        {"X-A": "1\r\nX-B: 2"},
        {"X\n": "1"},
        {"": "1"},
        {"X-A": "grün"},
    ],
)
async def test_bad_headers_are_refused(server: HTTPServer, headers: dict[str, str]) -> None:
    with pytest.raises(ActionFailed, match="header"):
        await http.request("GET", url=server.url_for("/"), headers=headers)
    assert not server.log


def _redirect(server: HTTPServer, path: str, target: str, status: int = 302) -> str:
    server.expect_request(path).respond_with_data("", status, headers={"Location": target})
    return server.url_for(path)


async def test_redirects_are_off_unless_asked_for(server: HTTPServer) -> None:
    url = _redirect(server, "/a", "/b?token=secret")
    got = await http.request("GET", url=url)
    assert got.status == 302
    with pytest.raises(ActionFailed, match="redirects are not followed") as failed:
        answers.expect(got)
    assert "secret" not in str(failed.value)


async def test_a_redirect_on_the_same_host_is_followed(server: HTTPServer) -> None:
    url = _redirect(server, "/a", "/b")
    server.expect_request("/b", headers={"X-Key": "k"}).respond_with_data("there")
    got = await http.request("GET", url=url, headers={"X-Key": "k"}, follow_redirects=True)
    assert got.body == "there"


@pytest.mark.parametrize(
    "target",
    [
        "http://10.0.0.1/",
        "http://localhost/",
        "http://[::1]/",
        "http://169.254.169.254/",
        "file:///etc/passwd",
    ],
)
async def test_a_redirect_to_a_private_address_is_refused(server: HTTPServer, target: str) -> None:
    url = _redirect(server, "/a", target)
    with pytest.raises(NotAllowed):
        await http.request("GET", url=url, follow_redirects=True)


async def test_redirects_end(server: HTTPServer) -> None:
    url = _redirect(server, "/a", "/a")
    with pytest.raises(ActionFailed, match="more than 3 times"):
        await http.request("GET", url=url, follow_redirects=True)
    assert len(server.log) == 4


async def test_another_host_gets_no_headers_and_no_body(server: HTTPServer, settings: Any) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1", "localhost"]
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        seen.append(request)
        return Response("there")

    server.expect_request("/b").respond_with_handler(answer)
    elsewhere = f"http://127.0.0.1:{server.port}/b"
    assert server.host == "localhost"
    url = _redirect(server, "/a", elsewhere)
    await http.request("GET", url=url, headers={"X-Key": "k"}, follow_redirects=True)
    assert "X-Key" not in seen[0].headers
    url = _redirect(server, "/c", elsewhere, 307)
    with pytest.raises(NotAllowed, match="redirects what was sent"):
        await http.request("POST", url=url, content=b"x", follow_redirects=True)
