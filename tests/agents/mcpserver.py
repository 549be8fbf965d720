"""A server of the official SDK, run as a program: `python tests/agents/mcpserver.py stdio|http [--port N] [--old]`.

`--old` speaks only the protocol of before 2026, as a server does whose SDK is older. `JOURNAL` names a file that gets
a line for each use of a tool that does something. `TOKEN` over HTTP: who does not bring it as a bearer gets a 401.
`STATE` names a folder: its files `stock` and `price` are what the resources hold; without `MUTE` it tells when they
change, and obeys the lines of `say`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import mcp.server.runner
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.subscriptions import ResourceUpdated, ToolsListChanged
from mcp_types import EmptyResult, SubscribeRequestParams, ToolAnnotations
from pydantic import BaseModel
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

server = MCPServer("tests", title="Test server", version="1.2", log_level="CRITICAL")


def note(line: str) -> None:
    if path := os.environ.get("JOURNAL"):
        with Path(path).open("a") as file:
            file.write(line + "\n")


class Found(BaseModel):
    text: str
    count: int


@server.tool(title="Search", annotations=ToolAnnotations(read_only_hint=True))
def search(text: str, index: str = "public") -> Found:
    """Looks for a text."""
    note(f"search {text} {index}")
    return Found(text=f"found {text} in {index}", count=3)


@server.tool(annotations=ToolAnnotations(read_only_hint=False))
def write(text: str) -> str:
    """Writes a text down."""
    note(f"write {text}")
    return "written"


@server.tool(annotations=ToolAnnotations(idempotent_hint=True))
def put(text: str) -> str:
    """Writes a text that may be written twice."""
    note(f"put {text}")
    return "put"


@server.tool(name="odd.name/of it")
def odd(value: int) -> str:
    """A name that no model takes."""
    return f"odd {value}"


@server.tool()
def keyed(api_key: str, text: str) -> str:
    """Takes a key."""
    note(f"keyed {api_key} {text}")
    return "opened"


@server.tool()
def huge(kilobytes: int) -> str:
    """Answers much."""
    return "x" * 1024 * kilobytes


@server.tool()
def refuse(why: str) -> str:
    """Fails."""
    raise ToolError(why)


@server.tool()
async def hang(seconds: float) -> str:
    """Takes its time."""
    note("hang")
    await asyncio.sleep(seconds)
    return "awake"


@server.tool()
def die(code: int = 3) -> str:
    """Ends the server in the middle of the call."""
    note("die")
    sys.stderr.write("the last words\n")
    sys.stderr.flush()
    os._exit(code)


@server.tool()
def whoami(ctx: Context[Any, Any]) -> str:
    """Says what it was given: a header, or a variable."""
    headers = ctx.headers or {}
    return headers.get("x-secret") or os.environ.get("SECRET_TOKEN", "nothing")


@server.tool()
def environment() -> str:
    """The names of all variables that it sees."""
    return " ".join(sorted(os.environ))


@server.resource("test://stock", mime_type="application/json")
def stock() -> str:
    """How much there is."""
    return resource("stock")


@server.resource("test://price", mime_type="text/plain")
def price() -> str:
    """What it costs."""
    return resource("price")


def resource(name: str) -> str:
    path = Path(os.environ.get("STATE", "/nowhere")) / name
    return path.read_text() if path.exists() else "10"


# --- what it tells by itself ----------------------------------------------------------------------

subscribed: dict[
    Any, set[str]
] = {}  # connections of the old era, by the resources that they asked for


async def remember(ctx: Any, call_next: Any) -> Any:
    if not str(ctx.protocol_version or "").startswith("2026"):
        subscribed.setdefault(ctx.session._connection, set())
    return await call_next(ctx)


async def subscribe(ctx: Any, params: SubscribeRequestParams) -> EmptyResult:
    subscribed.setdefault(ctx.session._connection, set()).add(str(params.uri))
    return EmptyResult()


async def tell(method: str, params: dict[str, Any] | None = None, uri: str = "") -> None:
    """To connections of the old era."""
    for connection, uris in list(subscribed.items()):
        if not uri or uri in uris:
            with suppress(Exception):
                await connection.notify(method, params)


async def obey(line: str) -> None:
    """One line of the file `say` in STATE."""
    said = json.loads(line)
    if "updated" in said:  # whether it was or not
        uri = f"test://{said['updated']}"
        await server._subscriptions.publish(ResourceUpdated(uri=uri))
        await tell("notifications/resources/updated", {"uri": uri}, uri)
    if "remove" in said:
        server.remove_tool(said["remove"])
        await server._subscriptions.publish(ToolsListChanged())
        await tell("notifications/tools/list_changed")
    if "log" in said:
        params = {"level": "error", "logger": "shop", "data": said["log"]}
        await tell("notifications/message", params)
    if "own" in said:
        await tell("notifications/row_inserted", said["own"])


async def look() -> None:
    """Hears what the test writes, and sees what it changes."""
    folder = Path(os.environ["STATE"])
    seen, done = {name: resource(name) for name in ("stock", "price")}, 0
    while True:
        await asyncio.sleep(0.05)
        for name, text in list(seen.items()):
            if resource(name) != text:
                seen[name] = resource(name)
                await obey(json.dumps({"updated": name}))
        path = folder / "say"
        lines = path.read_text().splitlines() if path.exists() else []
        for line in lines[done:]:
            await obey(line)
        done = len(lines)


@asynccontextmanager
async def life(_server: Any) -> AsyncIterator[None]:
    is_awake = os.environ.get("STATE") and not os.environ.get("MUTE")
    task = asyncio.create_task(look()) if is_awake else None
    yield
    if task is not None:
        task.cancel()


server._lowlevel_server.lifespan = life
server._lowlevel_server.middleware.append(remember)
server._lowlevel_server.add_request_handler(
    "resources/subscribe", SubscribeRequestParams, subscribe
)


class Door:
    """In front of the server over HTTP: who may come in, and what goes wrong on the way."""

    def __init__(self, app: ASGIApp, *, old: bool) -> None:
        self.app, self.old = app, old

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        token = os.environ.get("TOKEN")
        if token and headers.get("authorization") != f"Bearer {token}":
            await PlainTextResponse("who are you?", 401)(scope, receive, send)
        elif scope["path"] == "/away":
            to = os.environ.get("AWAY", "http://169.254.169.254/mcp")
            await RedirectResponse(to, 307)(scope, receive, send)
        elif scope["path"] == "/broken":
            await PlainTextResponse("it broke", 500)(scope, receive, send)
        elif self.old and headers.get("mcp-protocol-version", "").startswith("2026"):
            await PlainTextResponse("unknown version", 400)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def main() -> None:
    if path := os.environ.get("PIDFILE"):
        Path(path).write_text(str(os.getpid()))
    reading = argparse.ArgumentParser()
    reading.add_argument("transport", choices=["stdio", "http"])
    reading.add_argument("--port", type=int, default=0)
    reading.add_argument("--old", action="store_true")
    given = reading.parse_args()
    if given.transport == "http":
        app = Door(server.streamable_http_app(), old=given.old)
        uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="critical")
        return
    if given.old:
        mcp.server.runner._has_modern_envelope = lambda params: False
    server.run("stdio")


if __name__ == "__main__":
    main()
