"""Database work of the agents process: a few threads, each with its own connection, that asyncio hands calls to."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

P = ParamSpec("P")
T = TypeVar("T")

_lock = threading.Lock()
_pool: tuple[int, ThreadPoolExecutor] | None = None
_opened: list[BaseDatabaseWrapper] = []


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a blocking call in a thread of the pool, with the caller's context (so with its cause
    and correlation id).
    """
    context = contextvars.copy_context()

    def run() -> T:
        try:
            return context.run(call, *args, **kwargs)
        except (OperationalError, InterfaceError):
            connection.close()  # the server went away or ended the session: the next call gets a new one
            raise

    return await asyncio.get_running_loop().run_in_executor(_executor(), run)


def close() -> None:
    """Ends the pool and closes its connections; the next call makes new ones."""
    global _pool
    with _lock:
        ended, _pool = _pool, None
        wrappers, _opened[:] = list(_opened), []
    if ended is not None and ended[0] == os.getpid():
        ended[1].shutdown(wait=True)
    for wrapper in wrappers:
        wrapper.inc_thread_sharing()
        wrapper.close()
        wrapper.dec_thread_sharing()


def _executor() -> ThreadPoolExecutor:
    global _pool  # noqa: PLW0603
    with _lock:
        if _pool is None or _pool[0] != os.getpid():
            pool = ThreadPoolExecutor(settings.EXECUTE_THREADS, "database", initializer=_remember)
            _pool = (os.getpid(), pool)
        return _pool[1]


def _remember(*_: Any) -> None:
    from django.db import connections

    with _lock:
        _opened.append(connections["default"])
