"""Requests that wait for somebody outside, a language model or an MCP server: so many at a time in one web process.

All kinds of such requests share the places, which are fewer than the threads that answer requests, so that pages go on
whoever hangs. Who finds none within a moment is refused: REST and pages answer Busy with 503 and Retry-After.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

PATIENCE_SECONDS = 1.0
RETRY_AFTER_SECONDS = 10
MESSAGE = "Too many requests wait for models and servers outside just now; try again in a moment."


class Busy(Exception):
    """All places are taken."""

    def __init__(self) -> None:
        super().__init__(MESSAGE)


def most() -> int:
    """How many there are: WEB_WAITS, and one thread fewer than there are at most."""
    wanted: int = min(settings.WEB_WAITS, settings.WEB_THREADS - 1)
    return max(1, wanted)


@contextmanager
def place() -> Iterator[None]:
    """Raises Busy. Not to be entered twice by one request."""
    if not _places.acquire(timeout=PATIENCE_SECONDS):
        raise Busy
    try:
        yield
    finally:
        _places.release()


_places = threading.BoundedSemaphore(most())
