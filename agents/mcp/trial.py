"""Whether a server works: it is connected to and says which tools it offers. What it said is stored with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.actions import ActionFailed
from agents.mcp import connections, is_fresh, offers
from agents.models import McpServer
from config.lib import late, waits

SECONDS = 20.0
QUICK_SECONDS = 5.0  # while somebody saves an agent
QUICK_FRESH_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Tried:
    is_well: bool
    message: str
    seconds: float
    tools: list[offers.Offer] = field(default_factory=list)


def tried(server: McpServer) -> Tried:
    """Waits for it, breaker or not: call it outside any transaction. Raises waits.Busy."""
    began = time.monotonic()
    with waits.place():
        seen = asyncio.run(_ask(server, SECONDS))
    problem = _stored(server, seen)
    took = round(time.monotonic() - began, 2)
    if problem:
        return Tried(False, problem, took)
    count = len(server.tools)
    said = f"{server.title or server.name} answered and offers {count} tool{'' if count == 1 else 's'}."
    return Tried(True, said, took, list(server.tools))


def refresh(servers: Sequence[McpServer]) -> None:
    """Asks those that nobody has asked just now, all at once and not for long; none where too many requests wait
    already. Call it outside any transaction.
    """
    due = [one for one in servers if not is_fresh(one, seconds=QUICK_FRESH_SECONDS)]
    if not due:
        return

    async def ask_all() -> list[_Seen | str]:
        return await asyncio.gather(*(_ask(server, QUICK_SECONDS) for server in due))

    try:
        with waits.place():
            answers = asyncio.run(ask_all())
    except waits.Busy:
        return
    for server, seen in zip(due, answers, strict=True):
        _stored(server, seen)


_Seen = tuple[list[Any], str]  # tools as the SDK knows them, title


def _stored(server: McpServer, seen: _Seen | str) -> str:
    """What is wrong; nothing where the server's row now says what it offers."""
    if isinstance(seen, str):
        connections.store_failure(server, seen)
        return seen
    connections.store_offers(server, *seen)
    return ""


async def _ask(server: McpServer, seconds: float) -> _Seen | str:
    await late.imported("agents.mcp.session")  # the SDK
    from agents.mcp.session import Session

    try:
        session = Session(server, seconds=seconds)
        try:
            async with asyncio.timeout(session.seconds):  # of all its pages together
                await session.open()
                return await session.tools(), connections.title_of(session)
        except TimeoutError:
            return f"{server.name} did not answer within {session.seconds:g} s."
        finally:
            await session.close()
    except ActionFailed as error:
        return str(error)
