"""What a web process does besides answering: from its start to its end it watches whether events are answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from config.lib import counters
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
        is_end = message["type"] == "lifespan.shutdown"
        (watcher.stop if is_end else watcher.start)()
        if is_end:
            counters.flush()  # a forked process ends without what the interpreter does at its end otherwise
        await send({"type": f"{message['type']}.complete"})
        if is_end:
            return
