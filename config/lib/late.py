"""Large libraries, imported where one is first needed: in a thread, so that the event loop goes on meanwhile.

    await late.imported("agents.mcp.session")
    from agents.mcp.session import Session

An import takes seconds on a busy machine. A loop that stood still so long would give no sign of life, and its runs
would be taken for those of a dead process. There is one thread for it: two that import packages that need each other
find them half done, and many who wait for the same one shall not fill the threads that others wait for.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

_lock = threading.Lock()
_begun: dict[tuple[Any, ...], Future[object]] = {}  # done, or under way
_thread: ThreadPoolExecutor | None = None


async def imported(name: str) -> None:
    """Returns once the module can be imported without waiting. Raises what the import raises, each time anew."""
    await once(importlib.import_module, name)


async def once(call: Callable[..., object], *args: Any) -> None:
    """Returns once `call(*args)` has been made in this process, in the thread of imports. Where it raises, whoever
    waits hears of it, and the next one makes it again.
    """
    future = _future(call, *args)
    if not future.done():
        await _end_of(future)
    future.result()


async def _end_of(future: Future[object]) -> None:
    """Who is cancelled meanwhile leaves the others their import; `asyncio.wrap_future` would not."""
    loop, is_over = asyncio.get_running_loop(), asyncio.Event()

    def tell(_: object) -> None:
        with suppress(RuntimeError):  # nobody is in this loop any more
            loop.call_soon_threadsafe(is_over.set)

    future.add_done_callback(tell)
    await is_over.wait()


def _future(*what: Any) -> Future[object]:
    with _lock:
        known = _begun.get(what)
        if known is None or (known.done() and known.exception()):
            known = _begun[what] = _executor().submit(*what)
        return known


def _executor() -> ThreadPoolExecutor:
    global _thread  # noqa: PLW0603 - the one of this process, made under the lock
    if _thread is None:
        _thread = ThreadPoolExecutor(1, "import")
    return _thread


def _forget_others() -> None:
    """A forked child has no threads of its parent's; what had been imported then is imported."""
    global _lock, _thread
    _lock, _thread = threading.Lock(), None
    for what in [what for what, future in _begun.items() if not future.done()]:
        del _begun[what]


os.register_at_fork(after_in_child=_forget_others)
