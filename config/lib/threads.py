"""Database work of the agents process: a few threads, each with its own connection, that asyncio hands calls to."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

STOP_AFTER_SECONDS = 1.0

_lock = threading.Lock()
_mine = threading.local()
_losses = 0  # connections that the server ended; after each, every thread makes itself a new one
_pool: tuple[int, ThreadPoolExecutor] | None = None
_limit: int | None = None
_opened: list[BaseDatabaseWrapper] = []


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a blocking call in a thread of the pool, with the caller's context (so with its cause
    and correlation id).

    A caller who is cancelled still waits for the end: a thread cannot be stopped, and what it
    writes must not come after what the caller does next.
    """
    return await _run_in_thread(partial(call, *args, **kwargs), patience=None)


async def in_stoppable_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`in_thread` for work that may be undone: once its caller is cancelled, the statement that it is in, if it
    takes longer than a moment, is cancelled in the database.
    """
    return await _run_in_thread(partial(call, *args, **kwargs), patience=STOP_AFTER_SECONDS)


async def _run_in_thread(call: Callable[[], T], *, patience: float | None) -> T:
    context = contextvars.copy_context()
    used: list[Any] = []  # the connection, while the call is under way
    future = asyncio.get_running_loop().run_in_executor(
        _executor(), partial(_run, partial(context.run, call), used)
    )
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        while not (await asyncio.wait([future], timeout=patience))[0]:
            if used:
                await asyncio.to_thread(_stop, used[0])
        future.exception()  # looked at, so that asyncio does not complain of it
        raise


def _stop(used: BaseDatabaseWrapper) -> None:
    """Asks the server to cancel what this connection is doing; the call in its thread then fails."""
    if used.connection is not None:
        try:
            used.connection.cancel_safe(timeout=5)
        except Exception:
            log.exception("a statement could not be cancelled")


def _run(call: Callable[[], T], used: list[Any]) -> T:
    global _losses  # noqa: PLW0603
    if getattr(_mine, "losses", 0) != _losses:
        connection.close()
        _mine.losses = _losses
    used.append(connections["default"])
    try:
        return call()
    except (OperationalError, InterfaceError):
        if connection.connection is None or connection.connection.closed:
            _losses += 1
        connection.close()  # the next call gets a new one
        raise
    finally:
        used.clear()


def limit(count: int) -> None:
    """This process has so many threads at most; said before the first call."""
    global _limit  # noqa: PLW0603
    _limit = count


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
            count = _limit or settings.EXECUTE_THREADS
            pool = ThreadPoolExecutor(count, "database", initializer=_remember)
            _pool = (os.getpid(), pool)
        return _pool[1]


def _remember(*_: Any) -> None:
    with _lock:
        _opened.append(connections["default"])
