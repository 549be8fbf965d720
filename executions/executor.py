"""Row 8 of the path: one asyncio loop per process that runs what it claims, side by side, until nothing is left.

`drain` is called by every wake-up. The first call in a process drives; a further one only tells the driver to look.
The driver claims at most its free places, so what is claimed has begun. It claims again when a place becomes free, when
told to look, and once a second. Beside it a judge asks models about conditions in words (`executions.judging`).
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress

from django.conf import settings

from config.lib.passing import is_passing
from config.lib.threads import in_thread
from executions import loading, queue
from executions.finish import finish, finish_each
from executions.judging import Judge
from executions.models import Status
from executions.outcome import Outcome
from executions.performing import perform
from executions.places import Places
from executions.suspects import TOGETHER, Claims

log = logging.getLogger(__name__)

LINGER_SECONDS = 0.003  # an idle driver waits this long for a batch to grow, or for more to come
FLUSH_SECONDS = 0.003  # how long a finish may wait for company
LOOK_SECONDS = 1.0
WATCH_SECONDS = 1.0  # how often cancel requests are looked for

_lock = threading.Lock()
_driver: Driver | None = None
_stopping = mmap.mmap(-1, 1)  # a byte that a worker shares with the children that it forks


def drain(*, slots: int | None = None, suspects: bool = False) -> int:
    """Runs until nothing is claimable; answers how many runs this call began (0 where another
    thread drives already).
    """
    global _driver  # noqa: PLW0603 - the one driver of this process, guarded by the lock
    with _lock:
        if _driver is not None:
            _driver.look_soon()
            return 0
        if _stopping[0]:
            return 0
        slots = slots or (TOGETHER if suspects else settings.EXECUTE_SLOTS)
        driver = _driver = Driver(slots, suspects=suspects)
    try:
        return asyncio.run(driver.drive())
    finally:
        with _lock:
            if _driver is driver:
                _driver = None


def start() -> None:
    """A worker begins, before it forks its children: nothing has told it to stop."""
    global _stopping  # noqa: PLW0603 - a new byte: another worker may have forked from the same process
    _stopping = mmap.mmap(-1, 1)


def stop() -> None:
    """A graceful stop of this worker: claim nothing more, let runs go on for a while, then give them back."""
    _stopping[0] = 1
    with _lock:
        if _driver is not None:
            _driver.look_soon()


class Driver:
    """The places of one process. `lease` is its name in the ledger while it drives."""

    def __init__(self, slots: int, *, suspects: bool) -> None:
        self._claims = Claims(suspects=suspects)
        self.lease = uuid.uuid4()
        self.worker = f"{socket.gethostname()}:{os.getpid()}"[:100]
        self.began = 0
        self._runs: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._places = Places(slots)
        self._unread: list[uuid.UUID] = []  # claimed, but what they need could not be read yet
        self._claiming = False
        self._is_in_doubt = False  # a claim ended without an answer: it may have been committed
        self._ended: list[Outcome] = []
        self._flushing: asyncio.Task[None] | None = None
        self._finishing: list[Outcome] = []  # being written just now
        self._endless: set[uuid.UUID] = set()  # rows that take no end: not to be taken up again
        self._gives_back = False  # the grace is over: who is cancelled now goes back to the queue
        self._loop: asyncio.AbstractEventLoop | None = None
        self._look = asyncio.Event()
        self._told = False  # a wake-up came since the last claim; set under the lock, read under it before leaving
        self._cancelled: set[uuid.UUID] = set()
        self._judge = Judge(0 if suspects else settings.JUDGE_SLOTS, changed=self._look.set)

    def look_soon(self) -> None:
        """Called from other threads, under the lock."""
        self._told = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._look.set)
            self._loop.call_soon_threadsafe(self._judge.look_soon)

    async def drive(self) -> int:
        self._loop = asyncio.get_running_loop()
        tasks = (self._watch(), self._judge.drive(), self._judge.watch())
        beside = [asyncio.create_task(task) for task in tasks]
        try:
            while not await self._step():
                pass
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
        return self.began + self._judge.judged

    async def _step(self) -> bool:
        """Claims once and waits for the next change; true when it is time to leave."""
        if _stopping[0]:
            await self._wind_down()
            return True
        self._told = False
        self._look.clear()
        began = await self._claim()
        ours = self._runs or self._unread or self._ended or self._flushing or self._is_in_doubt
        busy = bool(ours) or self._judge.is_busy
        if began >= queue.EACH_AT_LEAST and self._places.shares().free:
            return False  # a claim that reads in portions may have left some
        with suppress(TimeoutError):
            await asyncio.wait_for(self._look.wait(), self._patience() if busy else LINGER_SECONDS)
        return not busy and not began and self._leave()

    def _patience(self) -> float:
        more = self._places.seconds_until_more()
        return LOOK_SECONDS if more is None else min(more, LOOK_SECONDS)

    @staticmethod
    def _leave() -> bool:
        """Nothing ran, nothing came: hands over to the next wake-up, unless one came just now."""
        global _driver  # noqa: PLW0603
        with _lock:
            if _driver is not None and _driver._told:
                return False
            _driver = None
            return True

    async def _claim(self) -> int:
        """Begins what it can get. Where the database is away it gets nothing, and what runs goes on."""
        self._claiming = True
        try:
            return await self._begin()
        except Exception as error:
            log.exception("nothing could be claimed now, trying again")
            self._is_in_doubt |= is_passing(error)
            return 0
        finally:
            self._claiming = False

    async def _begin(self) -> int:
        if self._is_in_doubt:
            self._adopt(await in_thread(loading.watch, self.lease, beat=True))
            self._is_in_doubt = False
        shares = self._places.shares(reserved=len(self._unread))
        self._unread += await in_thread(
            self._claims.claim,
            shares,
            lease=self.lease,
            worker=self.worker,
            is_busy=bool(self._runs or self._unread),
        )
        if not self._unread:
            return 0
        works, unfit = await in_thread(loading.load, self._unread, lease=self.lease)
        taken, self._unread = len(self._unread), []
        for work in works:
            self._places.take(work.execution.pk, work.execution.agent_id, asks=work.asks_models)
            self._runs[work.execution.pk] = asyncio.create_task(self._run(work))
        self._end(Outcome(u.execution, u.status, error_message=u.why) for u in unfit)
        self.began += len(works)
        return taken

    def _end(self, outcomes: Iterable[Outcome]) -> None:
        self._ended.extend(outcomes)
        if self._ended and self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())

    async def _run(self, work: loading.Work) -> None:
        pk = work.execution.pk
        try:
            outcome = await perform(
                work,
                was_cancelled=lambda: pk in self._cancelled,
                is_stopping=lambda: self._gives_back,
            )
        except Exception as error:
            # Else nobody would end it: its lease would beat on, and it would be taken up again and again.
            log.exception("a run could not be ended", extra={"execution": str(pk)})
            outcome = Outcome(
                work.execution,
                Status.FAILED,
                error_message=f"What it came to could not be read ({type(error).__name__}).",
                error={"type": type(error).__name__},
            )
        finally:
            self._runs.pop(pk, None)
            self._places.leave(pk)
            self._cancelled.discard(pk)
        if outcome is None:
            self._look.set()
        else:
            self._end([outcome])

    async def _flush(self) -> None:
        """Writes ends together; where the database is away they stay for the next try."""
        try:
            if self._runs:
                await asyncio.sleep(FLUSH_SECONDS)
            while self._ended:
                self._finishing, self._ended = self._ended, []
                try:
                    await self._write(self._finishing)
                except Exception:
                    self._ended = [*self._finishing, *self._ended]
                    log.exception("finishing %d runs failed, trying again", len(self._finishing))
                    await asyncio.sleep(LOOK_SECONDS)
                self._finishing = []
        finally:
            self._flushing = None
            self._look.set()

    async def _write(self, ended: list[Outcome]) -> None:
        try:
            await in_thread(finish, ended, lease=self.lease)
        except Exception as error:
            if is_passing(error):
                raise
            log.exception("%d runs could not be finished together", len(ended))
            self._endless.update(await in_thread(finish_each, ended, lease=self.lease))

    async def _watch(self) -> None:
        """Beats for the rows of this lease, and finds runs that somebody cancelled or took away."""
        beat_every = max(0.2, settings.LEASE_SECONDS / 6)
        last_beat = time.monotonic()
        while True:
            await asyncio.sleep(min(WATCH_SECONDS, beat_every))
            if not self._runs:
                continue
            due = time.monotonic() - last_beat >= beat_every
            # Read before the query: what is claimed meanwhile cannot be in its answer.
            ours, quiet = dict(self._runs), not self._claiming
            try:
                held = await in_thread(loading.watch, self.lease, beat=due)
            except Exception:
                log.exception("the heartbeat could not be written")
                continue
            last_beat = time.monotonic() if due else last_beat
            self._cancel(pk for pk in ours if held.get(pk, True) and self._runs.get(pk) is ours[pk])
            if quiet and not self._claiming:
                self._adopt(held)

    def _cancel(self, ids: Iterable[uuid.UUID]) -> None:
        for pk in ids:
            if pk not in self._cancelled:
                self._cancelled.add(pk)
                self._runs[pk].cancel()

    def _adopt(self, held: Iterable[uuid.UUID]) -> None:
        """Rows of this lease that nobody here runs, as after a claim whose answer was lost: our beats keep them."""
        known = {*self._runs, *self._unread, *self._endless}
        known |= {outcome.execution.pk for outcome in (*self._ended, *self._finishing)}
        if strays := [pk for pk in held if pk not in known]:
            log.warning(
                "rows are held that nobody runs, taking them up", extra={"runs": len(strays)}
            )
            self._unread += strays
            self._look.set()

    async def _wind_down(self) -> None:
        """The graceful stop: runs may go on for GRACE_SECONDS, the rest goes back to the queue
        without a spent attempt.
        """
        judged = asyncio.create_task(self._judge.stop(grace=settings.GRACE_SECONDS))
        if self._runs:
            await asyncio.wait(tuple(self._runs.values()), timeout=settings.GRACE_SECONDS)
        await judged
        self._gives_back = True
        for run in tuple(self._runs.values()):
            run.cancel()
        if self._runs:
            await asyncio.wait(tuple(self._runs.values()), timeout=5)
        while self._ended or self._flushing:
            await self._flush() if self._flushing is None else await asyncio.wait([self._flushing])
