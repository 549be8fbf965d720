"""Group commit: requests that arrive while others are being stored wait, and then go together.

One thread with one database connection per process. At rest a request goes alone and at once; under load groups grow
by themselves. What waits is bounded: beyond that a request is told to come back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from config.lib import web_threads
from triggers import receiving
from triggers.intake import Refused
from triggers.receiving import Answer, Arrival

log = logging.getLogger(__name__)
MOST = 200  # requests of one group
MOST_BYTES = 8 * 1024 * 1024
CODE_THREADS = 8  # requests that uploaded code judges at a time
ANSWER_SECONDS = 30.0
RESTED_SECONDS = 1.0
BUSY = Refused(503, "busy", "Too much is going on; try again soon.", headers={"Retry-After": "2"})


@dataclass(slots=True, eq=False)
class _Waiting:
    arrival: Arrival
    answer: asyncio.Future[Answer | Refused]


class Groups:
    """`own_thread`: false where the caller's thread and its open transaction are to be used, as tests do."""

    def __init__(self, *, own_thread: bool = True) -> None:
        self._place = ThreadSensitiveContext() if own_thread else None
        self._queue: deque[_Waiting] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._code = ThreadPoolExecutor(CODE_THREADS, "webhook-code")
        self._used_at = -RESTED_SECONDS
        self._waiting = self._bytes = 0  # in the queue, or being judged or stored

    async def answer(self, arrival: Arrival) -> Answer | Refused:
        """Returns when it is committed, or refused. Once it waits here, it is stored whatever becomes of the caller."""
        size = len(arrival.request.body)
        if (
            self._waiting >= settings.WEBHOOK_WAITING
            or self._bytes + size > settings.WEBHOOK_WAITING_BYTES
        ):
            return BUSY
        waiting = _Waiting(arrival, asyncio.get_running_loop().create_future())
        self._waiting += 1
        self._bytes += size
        self._put(waiting)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await waiting.answer
        except TimeoutError:
            return BUSY

    async def settle(self) -> None:
        """Returns when all is done, the rows of refused requests too."""
        while self._worker:
            await self._worker

    def _put(self, waiting: _Waiting) -> None:
        self._queue.append(waiting)
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        if self._place:
            SyncToAsync.thread_sensitive_context.set(self._place)  # of this task alone
        try:
            while self._queue:
                await self._go(self._take())
        finally:
            self._worker = None

    def _take(self) -> list[_Waiting]:
        group, size = [self._queue.popleft()], 0
        while self._queue and len(group) < MOST:
            size += len(self._queue[0].arrival.request.body)
            if size > MOST_BYTES:
                break
            group.append(self._queue.popleft())
        return group

    async def _go(self, group: list[_Waiting]) -> None:
        arrivals = [one.arrival for one in group]
        try:
            await self._in_thread(partial(receiving.receive, arrivals))
        except (OperationalError, InterfaceError):
            log.exception("database away")
            group += self._queue  # what waited through the outage need not wait for another attempt
            self._queue.clear()
            _fill(group, receiving.AWAY)
        except Exception:
            log.exception("webhooks not received")
            _fill(group, receiving.FAILED)
        for one in group:
            if one.arrival.answer:
                self._settle(one, one.arrival.answer)
            else:
                self._judge_apart(one)
        await self._write_down(arrivals)

    def _settle(self, waiting: _Waiting, answer: Answer | Refused) -> None:
        self._waiting -= 1
        self._bytes -= len(waiting.arrival.request.body)
        if not waiting.answer.done():  # nobody waits any more where the time is over
            waiting.answer.set_result(answer)

    async def _in_thread(self, call: Callable[[], None]) -> None:
        await sync_to_async(self._tidily, thread_sensitive=True)(call)

    def _tidily(self, call: Callable[[], None]) -> None:
        """Asks the connection whether it lives where it has rested, or something went wrong: not for each group."""
        if time.monotonic() - self._used_at > RESTED_SECONDS:
            web_threads.close_old_connections()
        try:
            call()
        finally:
            if connection.errors_occurred:
                web_threads.close_old_connections()
            self._used_at = time.monotonic()

    def _judge_apart(self, waiting: _Waiting) -> None:
        """Uploaded code may take seconds: meanwhile the others go on."""
        loop = asyncio.get_running_loop()
        judged = loop.run_in_executor(self._code, receiving.judge, waiting.arrival)
        judged.add_done_callback(lambda _: self._put(waiting))

    async def _write_down(self, arrivals: list[Arrival]) -> None:
        """After the answers: nobody can tell by the time whether an address is known."""
        if refused := receiving.refused(arrivals):
            try:
                await self._in_thread(partial(receiving.write_down, refused))
            except Exception:
                log.exception("refused webhooks not written down")


def _fill(group: Iterable[_Waiting], refused: Refused) -> None:
    for one in group:
        one.arrival.answer = one.arrival.answer or refused
