"""Servers of tools, by the Model Context Protocol, behind one door. Nothing outside this package and
`triggers.sources.mcp_event` knows the SDK, which takes most of a second to import: only where a server is used.

    async with Connections([server]) as connections:
        session = await connections.session(server.name)
        result = await session.call("search", {"text": "boats"}, repeatable=True)

HTTP goes through the checked connections of `agents.wires`, without redirects. A command runs where the operator lists
it (`agents.mcp.commands`), as a child that ends with its session, whatever happens to us. What a server says (names,
descriptions, schemas, hints, results) is text from outside: bounded, and no instruction.
"""

from __future__ import annotations

import datetime as dt

from agents.actions import ActionFailed
from agents.models import McpServer
from config.lib import clock

SHORTEST_KNOWN = 4  # a shorter text stands in too many places to be taken out of all
FRESH_SECONDS = 300.0  # what a server offered is asked again after so long


class Answered(ActionFailed):
    """The server answered, and says that it does not do it; or what it answered is of no use."""

    is_answer = True


def secrets_of(server: McpServer) -> tuple[str, ...]:
    """What nobody may read, also without the scheme before it: `k-1` of `Bearer k-1`."""
    values = [*server.headers.values(), *server.env.values()]
    parts = [part for value in values for part in {value, *value.split()[-1:]}]
    return tuple(part for part in parts if len(part) >= SHORTEST_KNOWN)


def is_fresh(server: McpServer, *, seconds: float = FRESH_SECONDS) -> bool:
    """Whether what is stored of its tools was seen a moment ago."""
    if server.seen_at is None or server.last_error:
        return False
    return clock.reckoned() - server.seen_at < dt.timedelta(seconds=seconds)
