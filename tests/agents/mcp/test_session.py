"""One connection to a real server, over both transports and in both eras of the protocol, and what may go wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.actions import ActionFailed, InDoubt
from agents.mcp import Answered, offers, results
from agents.models import McpServer
from config.lib.threads import in_thread
from tests.agents.mcp.sessions import MakeWeb, opened
from tests.agents.mcps import MakeServer, journal

pytestmark = pytest.mark.django_db(transaction=True)

Peer = Callable[..., McpServer]


def kinds(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kind", names)


EVERY = kinds("stdio", "stdio --old", "http", "http --old")
BOTH = kinds("stdio", "http")


@pytest.fixture
def peer(kind: str, make_server: MakeServer, web_server: MakeWeb) -> Peer:
    """A server of the kind that the test is run with."""
    transport, *args = kind.split()

    def make(**fields: Any) -> McpServer:
        if transport == "stdio":
            return make_server(*args, **fields)
        return make_server(url=web_server(*args).url(), **fields)

    return make


@EVERY
async def test_tools_are_listed_and_used(peer: Peer, tmp_path: Path) -> None:
    async with opened(await in_thread(peer)) as session:
        found = offers.read(await session.tools())
        search = offers.find(found, "search")
        assert search is not None
        assert (search["title"], search["description"]) == ("Search", "Looks for a text.")
        assert (search["read_only"], search["problem"]) == (True, "")
        assert list(search["schema"]["properties"]) == ["text", "index"]
        answer = await session.call("search", {"text": "boats"}, repeatable=True)
        assert results.output("search", answer)["structured"] == {
            "text": "found boats in public",
            "count": 3,
        }
    assert journal(tmp_path) == ["search boats public"]


@BOTH
async def test_what_a_server_refuses_is_its_answer(peer: Peer) -> None:
    async with opened(await in_thread(peer)) as session:
        with pytest.raises(Answered, match="Unknown tool"):
            results.output("x", await session.call("gone", {}, repeatable=False))
        with pytest.raises(Answered, match="too late"):
            results.output("x", await session.call("refuse", {"why": "too late"}, repeatable=False))
        with pytest.raises(Answered, match="Field required"):
            results.output("search", await session.call("search", {}, repeatable=False))
        assert session.is_open


@EVERY
async def test_a_server_that_dies_in_a_call_leaves_doubt(peer: Peer, tmp_path: Path) -> None:
    async with opened(await in_thread(peer)) as session:
        with pytest.raises(InDoubt, match="is not known"):
            await session.call("die", {}, repeatable=False)
        assert not session.is_open
    assert journal(tmp_path) == ["die"]


@BOTH
async def test_what_may_be_repeated_is_worth_another_try(peer: Peer) -> None:
    async with opened(await in_thread(peer)) as session:
        with pytest.raises(ActionFailed) as caught:
            await session.call("die", {}, repeatable=True)
        assert caught.value.retryable
        assert not isinstance(caught.value, InDoubt)
        assert bool(caught.value.host) == (session.server.transport == "http")


@BOTH
async def test_a_call_that_hangs_ends(peer: Peer) -> None:
    server = await in_thread(peer, timeout_seconds=3)
    async with opened(server) as session:
        began = time.monotonic()
        with pytest.raises(InDoubt, match="did not answer within 3 s"):
            await session.call("hang", {"seconds": 30}, repeatable=False)
        assert 2.5 < time.monotonic() - began < 8


@BOTH
async def test_a_huge_answer_is_not_read_to_its_end(peer: Peer) -> None:
    async with opened(await in_thread(peer)) as session:
        with pytest.raises(InDoubt):
            await session.call("huge", {"kilobytes": 20_000}, repeatable=False)
        assert not session.is_open
