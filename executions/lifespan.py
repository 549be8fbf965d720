"""What a web process does besides answering: from its start to its end it watches whether events are answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from executions.canary_watch import Watcher

_Receive = Callable[[], Awaitable[Mapping[str, Any]]]
_Send = Callable[[Mapping[str, Any]], Awaitable[None]]


async def lifespan(scope: Mapping[str, Any], receive: _Receive, send: _Send) -> None:
    """The ASGI protocol of this name. Threads start here, not when the module is loaded: the process may be forked
    in between.
    """
    watcher = Watcher()
    while True:
        message = await receive()
        (watcher.start if message["type"] == "lifespan.startup" else watcher.stop)()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
