"""The connections of one run: each server is connected to when it is first needed, and all are closed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from agents import hosts, http
from agents.actions import ActionFailed
from agents.mcp import is_fresh, offers, results
from agents.models import McpServer
from config.lib import clock, late
from config.lib.threads import in_thread

if TYPE_CHECKING:
    from agents.mcp.session import Session


class Connections:
    def __init__(self, servers: Iterable[McpServer]) -> None:
        self.servers = {server.name: server for server in servers}
        self._sessions: dict[str, Session] = {}

    async def __aenter__(self) -> Connections:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._sessions:
            await asyncio.gather(*(session.close() for session in self._sessions.values()))

    async def use(
        self, name: str, tool: str, arguments: dict[str, Any], *, repeatable: bool
    ) -> dict[str, Any]:
        """What the tool answers. Raises ActionFailed, InDoubt, and HostAway while the server's host is away."""
        server = self.servers[name]
        host, place = whereabouts(server)
        async with hosts.calling(
            server.workspace_id, host, seconds=server.timeout_seconds, place=place
        ) as call:
            session = await self.session(name)
            result = await session.call(tool, arguments, repeatable=repeatable)
            call.answered = True
            return results.output(f"{name}: {tool}", result)

    async def offered(self, name: str) -> list[offers.Offer]:
        """What the server offers; it is asked where nobody has asked it for a while. A server that is away and was
        seen before counts as it was then.
        """
        server = self.servers[name]
        if is_fresh(server):
            return list(server.tools)
        host, place = whereabouts(server)
        try:
            async with hosts.calling(
                server.workspace_id, host, seconds=server.timeout_seconds, place=place
            ) as call:
                await self.session(name)
                call.answered = True
        except ActionFailed:
            if server.seen_at is None:
                raise
        return list(server.tools)

    async def session(self, name: str) -> Session:
        await late.imported("agents.mcp.session")  # the SDK
        from agents.mcp.session import Session

        server, known = self.servers[name], self._sessions.get(name)
        if known is not None and known.is_open:
            return known
        if known is not None:
            await known.close()
        session = self._sessions[name] = Session(server)
        try:
            await session.open()
            if not is_fresh(server):
                await in_thread(store_offers, server, await session.tools(), title_of(session))
        except ActionFailed as error:
            await in_thread(store_failure, server, str(error))
            raise
        return session


def whereabouts(server: McpServer) -> tuple[str, str]:
    """(host as `agents.hosts` knows it, place as messages show it); empty for a command."""
    if server.transport != McpServer.Transport.HTTP:
        return "", ""
    return http.host_of(server.url), http.place_of(server.url)


def title_of(session: Session) -> str:
    """What the server calls itself, and what it speaks."""
    info = session.client.server_info
    named = f"{info.title or info.name} {info.version}".strip() if info else ""
    return f"{named} (MCP {session.client.protocol_version})".strip()[:200]


def store_offers(server: McpServer, tools: list[Any], title: str) -> None:
    server.tools, server.title = offers.read(tools), offers.clean(title, 200)
    server.seen_at, server.last_error = clock.now(), ""
    _store(server, "tools", "title", "seen_at", "last_error")


def store_failure(server: McpServer, error: str) -> None:
    server.last_error = error[:2000]
    _store(server, "last_error")


def _store(server: McpServer, *names: str) -> None:
    """Only where it still leads to the same place."""
    same = McpServer.objects.filter(pk=server.pk, updated_at=server.updated_at)
    same.update(**{name: getattr(server, name) for name in names})
