"""Fixtures of MCP servers: real ones of the official SDK, over both transports, that misbehave when told to."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.models import McpServer
from crm.models import Workspace

SCRIPT = str(Path(__file__).with_name("mcpserver.py"))
PROGRAM = [sys.executable, "-P", SCRIPT]  # -P: beside the script lies a package named mcp
MakeServer = Callable[..., McpServer]


class WebServer:
    """`mcpserver.py http`, which can be killed and started again at the same port."""

    def __init__(self, *args: str, **env: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.args, self.env = args, {**os.environ, **env}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/mcp") -> str:
        return f"http://{self.host}{path}"

    def start(self) -> WebServer:
        command = [*PROGRAM, "http", "--port", str(self.port), *self.args]
        self.process = subprocess.Popen(command, env=self.env)
        until = time.monotonic() + 30
        while time.monotonic() < until and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise AssertionError("the MCP server did not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def web_server(settings: Any, tmp_path: Path) -> Iterator[Callable[..., WebServer]]:
    """`web_server("--old", TOKEN="x")`: one that the operator has opened; its journal is `tmp_path / "journal"`."""
    made: list[WebServer] = []

    def make(*args: str, **env: str) -> WebServer:
        server = WebServer(*args, JOURNAL=str(tmp_path / "journal"), **env)
        made.append(server)
        settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, server.host]
        return server.start()

    yield make
    for server in made:
        server.kill()


@pytest.fixture
def make_server(acme: Workspace, settings: Any, tmp_path: Path) -> MakeServer:
    """`make_server()`: a command of this machine that the operator allows; `make_server(url=...)`: one over HTTP."""
    settings.MCP_COMMANDS = [" ".join(PROGRAM)]

    def make(*args: str, name: str = "tests", **fields: Any) -> McpServer:
        if "url" not in fields:
            env = {"JOURNAL": str(tmp_path / "journal"), **fields.pop("env", {})}
            fields |= {"transport": "stdio", "command": sys.executable, "env": env}
            fields["args"] = [*PROGRAM[1:], "stdio", *args]
        fields.setdefault("timeout_seconds", 20)
        return McpServer.objects.create(workspace=acme, name=name, **fields)

    return make


def journal(tmp_path: Path) -> list[str]:
    """What the server was really used for."""
    path = tmp_path / "journal"
    return path.read_text().splitlines() if path.exists() else []
