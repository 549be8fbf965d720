"""One connection to a real server, over both transports and in both eras of the protocol, and what may go wrong."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agents.actions import ActionFailed, InDoubt
from agents.addresses import NotAllowed
from agents.mcp import Answered, offers, results
from agents.mcp.session import Session
from agents.models import McpServer
from config.lib.threads import in_thread
from tests.agents.mcps import SCRIPT, MakeServer, WebServer, journal

pytestmark = pytest.mark.django_db(transaction=True)

MakeWeb = Callable[..., WebServer]
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


@asynccontextmanager
async def opened(server: McpServer, **options: Any) -> AsyncIterator[Session]:
    session = Session(server, **options)
    try:
        yield await session.open()
    finally:
        await session.close()


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


# --- commands -------------------------------------------------------------------------------------


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def pid_of(session: Session) -> int:
    process = getattr(session.peer, "_process", None)
    assert process is not None
    return int(process.pid)


async def test_a_command_says_why_it_ended(make_server: MakeServer) -> None:
    async with opened(await in_thread(make_server)) as session:
        with pytest.raises(InDoubt, match="ended with code 3: the last words"):
            await session.call("die", {}, repeatable=False)


async def test_no_child_outlives_its_session(make_server: MakeServer) -> None:
    async with opened(await in_thread(make_server)) as session:
        pid = pid_of(session)
        assert alive(pid)
    assert not alive(pid)


async def test_a_cancelled_call_leaves_no_child(make_server: MakeServer) -> None:
    server = await in_thread(make_server)
    pids: list[int] = []

    async def run() -> None:
        async with asyncio.timeout(3), opened(server) as session:
            pids.append(pid_of(session))
            await session.call("hang", {"seconds": 60}, repeatable=False)

    with pytest.raises(TimeoutError):
        await run()
    assert not alive(pids[0])


async def test_a_child_that_ignores_everything_is_killed(
    make_server: MakeServer, settings: Any, tmp_path: Path
) -> None:
    script = tmp_path / "deaf.py"
    script.write_text(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(__import__('os').getpid()))\n"
        "time.sleep(60)\n"
    )
    server = await in_thread(make_server, timeout_seconds=2)
    server.args = [str(script)]
    settings.MCP_COMMANDS = [f"{sys.executable} {script}"]
    with pytest.raises(ActionFailed, match="did not answer within 2 s"):
        await Session(server).open()
    assert not alive(int((tmp_path / "pid").read_text()))


async def test_a_child_sees_its_own_variables_and_none_of_ours(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD_CANARY", "x")
    server = await in_thread(make_server, env={"SECRET_TOKEN": "tok-canary-1"})
    async with opened(server) as session:
        seen = await session.call("environment", {}, repeatable=True)
        names = results.output("environment", seen)["text"]
        assert "SECRET_TOKEN" in names
        assert "CANARY" not in names
        assert "SECRET_KEY" not in names
        told = await session.call("whoami", {}, repeatable=True)
        assert results.output("whoami", told)["text"] == "tok-canary-1"


async def test_what_the_operator_does_not_list_is_not_started(
    make_server: MakeServer, settings: Any
) -> None:
    server = await in_thread(make_server)
    settings.MCP_COMMANDS = []
    with pytest.raises(NotAllowed, match="MCP_COMMANDS"):
        await Session(server).open()
    settings.MCP_COMMANDS = [f"{sys.executable} /somewhere/else.py"]
    with pytest.raises(NotAllowed, match="MCP_COMMANDS"):
        await Session(server).open()


async def test_a_command_that_is_no_server_says_so(make_server: MakeServer, settings: Any) -> None:
    server = await in_thread(make_server)
    server.args = ["-c", "raise SystemExit('no such module')"]
    settings.MCP_COMMANDS = [sys.executable]
    with pytest.raises(ActionFailed, match="ended with code 1: no such module"):
        await Session(server).open()


def test_a_killed_worker_leaves_no_child(make_server: MakeServer, tmp_path: Path) -> None:
    """The kernel ends it: nobody could have asked it to go."""
    import subprocess

    script = tmp_path / "deaf.py"
    script.write_text(
        f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "while True: time.sleep(1)\n"
    )
    program = (
        "import asyncio, django; django.setup()\n"
        "from agents.mcp.session import Session; from agents.models import McpServer\n"
        f"row = McpServer(name='x', transport='stdio', command={sys.executable!r}, args=[{str(script)!r}])\n"
        "asyncio.run(Session(row).open())\n"
    )
    env = {
        **os.environ,
        "MCP_COMMANDS": sys.executable,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    root = Path(SCRIPT).parents[2]
    parent = subprocess.Popen([sys.executable, "-c", program], env=env, cwd=root)
    until = time.monotonic() + 30
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < until
        time.sleep(0.05)
    pid = int((tmp_path / "pid").read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while alive(pid):
        assert time.monotonic() < until
        time.sleep(0.05)


async def _open(server: McpServer) -> None:
    await Session(server).open()


# --- HTTP -----------------------------------------------------------------------------------------


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
