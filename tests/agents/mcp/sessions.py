"""A session that is closed again, whatever happens in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from agents.mcp.session import Session
from agents.models import McpServer
from tests.agents.mcps import WebServer

MakeWeb = Callable[..., WebServer]


@asynccontextmanager
async def opened(server: McpServer, **options: Any) -> AsyncIterator[Session]:
    session = Session(server, **options)
    try:
        yield await session.open()
    finally:
        await session.close()
