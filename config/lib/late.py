"""Large libraries, imported where one is first needed: in a thread, so that the event loop goes on meanwhile.

    await late.imported("agents.mcp.session")
    from agents.mcp.session import Session

An import takes seconds on a busy machine. A loop that stood still so long would give no sign of life, and its runs
would be taken for those of a dead process.
"""

from __future__ import annotations

import asyncio
import importlib

_known: set[str] = set()


async def imported(name: str) -> None:
    """Returns once the module can be imported without waiting. Raises what the import raises, each time anew."""
    if name not in _known:
        await asyncio.to_thread(importlib.import_module, name)
        _known.add(name)
