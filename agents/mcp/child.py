"""A server that is a command here: started in a process group of its own, spoken to over its pipes, ended with us.

One message is one line of at most MAX_LINE bytes. Of what it writes to stderr the last lines are kept, which say why it
ended. However its session is left, the whole group is gone afterwards; and where this process is
killed, the kernel ends the child.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from agents.actions import ActionFailed
from agents.mcp import commands
from agents.models import McpServer

MAX_LINE = 4 * 1024 * 1024
LEAVE_SECONDS, TERM_SECONDS = 1.0, 1.0  # to go by itself once its input ends, then after SIGTERM
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


class Child:
    """`streams()` are what the SDK speaks over. `why()`: what is known of its end."""

    def __init__(self, server: McpServer) -> None:
        self._server = server
        self._process: asyncio.subprocess.Process | None = None
        self._last = deque[str](maxlen=5)
        self._too_long = False

    def is_lost(self) -> bool:
        """Whether nothing can come of it any more."""
        return self._too_long or self._process is None or self._process.returncode is not None

    def forget(self) -> None:
        """What it has said on stderr so far."""
        self._last.clear()

    def why(self) -> str:
        if self._too_long:
            return f"answered with more than {MAX_LINE // 1024 // 1024} MiB"
        code = self._process.returncode if self._process else None
        if code is None:
            return "broke off"
        how = f"signal {-code}" if code < 0 else f"code {code}"
        said = f": {self._last[-1][:300]}" if self._last else ""
        return f"ended with {how}{said}"

    @asynccontextmanager
    async def streams(self) -> AsyncIterator[tuple[Any, Any]]:
        self._process = process = await self._start()
        try:
            inbox, received = anyio.create_memory_object_stream[SessionMessage | Exception](0)
            sent, outbox = anyio.create_memory_object_stream[SessionMessage](0)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._read, process, inbox)
                tasks.start_soon(self._write, process, outbox)
                tasks.start_soon(self._remember, process)
                try:
                    yield received, sent
                finally:
                    tasks.cancel_scope.cancel()
                    for stream in (inbox, received, sent, outbox):
                        stream.close()
                    with anyio.CancelScope(shield=True):
                        await _leave(process)
        finally:
            _signal(process, signal.SIGKILL)  # whoever is left of the group
            _let_go(process)

    async def _start(self) -> asyncio.subprocess.Process:
        line = commands.line(self._server)
        try:
            return await asyncio.create_subprocess_exec(
                *line,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=MAX_LINE,
                cwd=tempfile.gettempdir(),
                env=commands.environment(self._server.env),
                start_new_session=True,
                preexec_fn=partial(_die_with, os.getpid()),
            )
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) else "it holds a NUL"
            raise ActionFailed(f"{self._server.name} cannot be started: {said}.") from error

    async def _read(self, process: asyncio.subprocess.Process, inbox: Any) -> None:
        assert process.stdout is not None
        async with inbox:
            while True:
                try:
                    text = await process.stdout.readline()
                except ValueError:  # longer than MAX_LINE
                    self._too_long = True
                    return
                if not text:
                    await _wait(process, LEAVE_SECONDS)
                    return
                try:
                    await inbox.send(_message(text))
                except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                    return

    async def _write(self, process: asyncio.subprocess.Process, outbox: Any) -> None:
        assert process.stdin is not None
        with suppress(OSError):
            async for one in outbox:
                text = one.message.model_dump_json(by_alias=True, exclude_unset=True)
                process.stdin.write(text.encode() + b"\n")
                await process.stdin.drain()

    async def _remember(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while True:
            try:
                text = await process.stderr.readline()
            except ValueError:
                continue
            if not text:
                return
            if said := text.decode(errors="replace").strip():
                self._last.append(said[:1000])


def _message(text: bytes) -> SessionMessage | Exception:
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(text, by_name=False))
    except ValueError as error:
        return error


async def _leave(process: asyncio.subprocess.Process) -> None:
    """Its input ends, then it is asked, then it is killed."""
    if process.stdin is not None:
        process.stdin.close()
    if not await _wait(process, LEAVE_SECONDS):
        _signal(process, signal.SIGTERM)
        if not await _wait(process, TERM_SECONDS):
            _signal(process, signal.SIGKILL)
            await _wait(process, TERM_SECONDS)


async def _wait(process: asyncio.subprocess.Process, seconds: float) -> bool:
    """Whether it has ended. Not `process.wait()` alone: that waits for its pipes too, which its children may hold."""
    until = asyncio.get_running_loop().time() + seconds
    while process.returncode is None:
        if asyncio.get_running_loop().time() >= until:
            return False
        await asyncio.sleep(0.01)
    return True


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _let_go(process: asyncio.subprocess.Process) -> None:
    """Closes our ends of its pipes, which asyncio keeps open where nobody has read them to the end."""
    transport = getattr(process, "_transport", None)
    if transport is not None:
        with suppress(ProcessLookupError, PermissionError):
            transport.close()


def _die_with(parent: int) -> None:
    """Runs in the child: the kernel kills it when the thread that started it is gone. Nothing on macOS."""
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:
        os._exit(1)
