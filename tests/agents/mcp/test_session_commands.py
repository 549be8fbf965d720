"""Servers that are commands of this machine: which are started, what they see, and that none stays behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from agents.actions import ActionFailed, InDoubt
from agents.addresses import NotAllowed
from agents.mcp import results
from agents.mcp.session import Session
from config.lib.threads import in_thread
from tests.agents.mcp.sessions import opened
from tests.agents.mcps import SCRIPT, MakeServer

pytestmark = pytest.mark.django_db(transaction=True)


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
