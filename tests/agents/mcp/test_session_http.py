"""Servers over HTTP: headers, redirects, addresses inside, and servers that are down or none."""

from __future__ import annotations

from typing import Any

import pytest

from agents.actions import ActionFailed, InDoubt
from agents.mcp import results
from agents.mcp.session import Session
from agents.models import McpServer
from config.lib.threads import in_thread
from tests.agents.mcp.sessions import MakeWeb, opened
from tests.agents.mcps import MakeServer

pytestmark = pytest.mark.django_db(transaction=True)


async def _open(server: McpServer) -> None:
    await Session(server).open()


async def test_headers_open_a_server_that_wants_them(
    make_server: MakeServer, web_server: MakeWeb
) -> None:
    web = await in_thread(web_server, TOKEN="tok-canary-2")
    server = await in_thread(make_server, url=web.url())
    with pytest.raises(ActionFailed, match=r"401 Unauthorized\. Check the headers") as caught:
        await Session(server).open()
    assert not caught.value.retryable
    server.headers = {"Authorization": "Bearer tok-canary-2", "X-Secret": "canary-3"}
    async with opened(server) as session:
        told = await session.call("whoami", {}, repeatable=True)
        assert results.output("whoami", told)["text"] == "canary-3"


@pytest.mark.parametrize("to", ["http://169.254.169.254/mcp", "/mcp"], ids=["inside", "same-host"])
async def test_redirects_are_refused(make_server: MakeServer, web_server: MakeWeb, to: str) -> None:
    web = await in_thread(web_server, AWAY=to)
    server = await in_thread(make_server, url=web.url("/away"))
    with pytest.raises(ActionFailed, match=r"307 .*redirects are not followed"):
        await Session(server).open()


async def test_private_addresses_are_refused(make_server: MakeServer, settings: Any) -> None:
    settings.OUTBOUND_ALLOW = []
    for host in ("127.0.0.1:8080", "169.254.169.254", "[::1]", "localhost:8080"):
        server = McpServer(name="x", transport="http", url=f"http://{host}/mcp")
        with pytest.raises(ActionFailed, match="not a public address"):
            await _open(server)


async def test_a_server_that_is_down_is_worth_another_try(
    make_server: MakeServer, web_server: MakeWeb
) -> None:
    web = await in_thread(web_server)
    server = await in_thread(make_server, url=web.url())
    async with opened(server) as session:
        web.kill()
        with pytest.raises(ActionFailed) as caught:  # nothing was sent: no doubt
            await session.call("write", {"text": "x"}, repeatable=False)
        assert (caught.value.retryable, caught.value.host) == (True, web.host)
        assert not isinstance(caught.value, InDoubt)
    with pytest.raises(ActionFailed) as caught:
        await Session(server).open()
    assert (caught.value.retryable, caught.value.host) == (True, web.host)


async def test_what_is_no_mcp_server_says_so(make_server: MakeServer, web_server: MakeWeb) -> None:
    web = await in_thread(web_server)
    server = await in_thread(make_server, url=web.url("/nothing"))
    with pytest.raises(ActionFailed, match=r"404 Not Found\. Is this the address"):
        await Session(server).open()
    broken = McpServer(name="broken", transport="http", url=web.url("/broken"))
    with pytest.raises(ActionFailed, match="500") as caught:
        await Session(broken).open()
    assert (caught.value.retryable, caught.value.host) == (True, web.host)
