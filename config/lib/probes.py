"""Asking what may hang: whoever looks waits a bounded time, and never twice for the same silence."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")
FRESH_SECONDS = 1.0


class Silent(Exception):
    """No answer yet; `seconds` since it was asked."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer for {seconds:.0f} s")
        self.seconds = seconds


class Probe(Generic[T]):
    """Asks in a thread of its own, one question at a time; an answer serves everybody for a second.

    A question that hangs stays under way until it ends by itself: meanwhile everybody hears at once that it does.
    """

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._answer: Future[T] | None = None
        self._asked_at = 0.0

    def begin(self, *, anew: bool = False) -> None:
        """Asks, unless that is under way or (not `anew`) was answered a moment ago."""
        with self._lock:
            is_fresh = not anew and time.monotonic() - self._asked_at < FRESH_SECONDS
            if self._answer is not None and (is_fresh or not self._answer.done()):
                return
            self._answer, self._asked_at = Future(), time.monotonic()
            threading.Thread(target=self._run, args=(self._answer,), daemon=True).start()

    def answer(self, *, patience: float) -> T:
        """Raises Silent where none comes within `patience` seconds of the question, and what the question raised."""
        self.begin()
        with self._lock:
            answer, asked_at = self._answer, self._asked_at
        assert answer is not None
        left = max(0.0, asked_at + patience - time.monotonic())
        try:
            return answer.result(left)
        except TimeoutError:
            if answer.done():  # it was the question's own
                raise
            raise Silent(time.monotonic() - asked_at) from None

    def forget(self) -> None:
        """The next one asks anew."""
        with self._lock:
            self._answer = None

    def _run(self, answer: Future[T]) -> None:
        try:
            answer.set_result(self._ask())
        except BaseException as error:  # noqa: BLE001 - told to whoever looks
            answer.set_exception(error)
