"""Live news: the only door to Channels. Row 10 of the path of an event.

`push` hands a notice to a thread of this process and returns; the thread gathers for 50 ms, takes the next numbers of
each workspace (`numbering`) and sends one group message per workspace. Nothing here raises into the caller or
makes it wait, and nothing here is the truth: a page that misses a number reads the database again. So what cannot be
sent is counted and owed: as soon as Redis answers, the workspace gets an `overflow`, which moves its number and makes
every page look.
"""

from __future__ import annotations

import asyncio
import atexit
import datetime as dt
import logging
import os
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import Any

from channels.layers import get_channel_layer
from django.db import transaction

from config.lib import json
from executions import numbering
from executions.notices import (
    Notice,
    agent_changed,
    alert_raised,
    auto_paused,
    event_dispatched,
    event_triggered,
    execution_changed,
    rate_limited,
    trigger_error,
    workspace_changed,
)

__all__ = [
    "Notice",
    "agent_changed",
    "alert_raised",
    "auto_paused",
    "event_dispatched",
    "event_triggered",
    "execution_changed",
    "figures",
    "group",
    "push",
    "push_many",
    "rate_limited",
    "settle",
    "trigger_error",
    "workspace_changed",
]

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.05
BREAK_SECONDS = 1.0
SEND_SECONDS = 1.0  # what one flush may take
MAX_WAITING = 20_000  # notices of this process that are not sent yet; the oldest give way
MAX_PER_FLUSH = 200  # notices of one workspace; what comes on top is one `overflow`
COALESCE_ABOVE = 50  # from here on, only the last notice about each execution is sent

_Waiting = tuple[uuid.UUID, float, Notice]


def push(workspace_id: uuid.UUID, notice: Notice) -> None:
    """Sends a notice once the open transaction has committed, at once where none is open."""
    push_many(workspace_id, (notice,))


def push_many(workspace_id: uuid.UUID, notices: Iterable[Notice]) -> None:
    """`push` for a batch of one workspace: one hook on the transaction, however many notices."""
    try:
        now = time.time()
        items = [(workspace_id, now, notice) for notice in notices]
        connection = None if _in_event_loop() else transaction.get_connection()
        if connection is not None and connection.in_atomic_block:
            connection.on_commit(partial(_enqueue, items), robust=True)
        else:
            _enqueue(items)
    except Exception:
        log.exception("live news not taken")


def _in_event_loop() -> bool:
    """There no transaction can be open, and asking would make a connection object for each asyncio task."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def settle(timeout: float = 2.0) -> bool:
    """Waits until what was pushed by this process has been sent or given up; for tests and for the end of commands."""
    return _outbox is None or _outbox.settle(timeout)


def figures() -> dict[str, int]:
    """Of this process, since its start: notices `sent`, notices `dropped`, flushes that `failed`."""
    box = _outbox
    return (
        {"sent": box.sent, "dropped": box.dropped, "failed": box.failed}
        if box
        else {"sent": 0, "dropped": 0, "failed": 0}
    )


def group(workspace_id: uuid.UUID) -> str:
    """The name of the group that every socket of a workspace is in."""
    return f"workspace.{workspace_id.hex}"


def _enqueue(items: list[_Waiting]) -> None:
    global _outbox  # noqa: PLW0603 - the sender of this process
    box = _outbox
    if box is None:
        with _lock:
            box = _outbox = _outbox or _Outbox()
    box.add(items)


class _Outbox:
    """The bounded queue of one process and the thread that empties it."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.waiting: deque[_Waiting] = deque()
        self.owed: set[uuid.UUID] = set()  # workspaces that missed something
        self.sent = self.dropped = self.failed = 0
        self.wake, self.closing, self.idle = threading.Event(), threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._run, name="live", daemon=True)
        self.thread.start()
        atexit.register(self.close)

    def add(self, items: list[_Waiting]) -> None:
        self.waiting.extend(items)
        while len(self.waiting) > MAX_WAITING:
            try:
                workspace_id, _, _ = self.waiting.popleft()
            except IndexError:  # the thread was quicker
                break
            self.dropped += 1
            self.owed.add(workspace_id)
        self.idle.clear()
        if not self.wake.is_set():
            self.wake.set()

    def settle(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.idle.wait(deadline - time.monotonic()) and not self.waiting:
                return True
            self.closing.wait(0.005)
        return False

    def close(self) -> None:
        """At the end of the process: what waits gets one last flush."""
        if self.pid == os.getpid() and self.thread.is_alive():
            self.closing.set()
            self.wake.set()
            self.thread.join(GATHER_SECONDS + SEND_SECONDS)

    def _run(self) -> None:
        with (
            asyncio.Runner() as runner
        ):  # one loop, so that the connections stay open between two flushes
            while not self.closing.is_set() or self.waiting:
                if not self.waiting and not self.owed:
                    self.idle.set()
                self.wake.wait(BREAK_SECONDS if self.owed else None)
                self.closing.wait(GATHER_SECONDS)
                self.wake.clear()
                if not self._flush(runner):
                    self.idle.set()
                    if self.closing.wait(BREAK_SECONDS):
                        return

    def _flush(self, runner: asyncio.Runner) -> bool:
        self.idle.clear()
        bundles = _bundle(self._take(), owed=self.owed)
        if not bundles:
            return True
        try:
            runner.run(_send(bundles))
        except Exception as error:  # noqa: BLE001 - whatever Redis or its client raises: pages catch up by themselves
            self.owed.update(bundles)
            self.failed += 1
            log.warning("live news not sent", extra={"error": repr(error)})
            return False
        self.owed.difference_update(bundles)
        self.sent += sum(map(len, bundles.values()))
        return True

    def _take(self) -> list[_Waiting]:
        taken = []
        for _ in range(len(self.waiting)):
            try:
                taken.append(self.waiting.popleft())
            except IndexError:  # a full queue gave its oldest away meanwhile
                break
        return taken


_Bundles = dict[uuid.UUID, list[tuple[float, Notice]]]


def _bundle(waiting: list[_Waiting], *, owed: set[uuid.UUID]) -> _Bundles:
    """Notices by workspace, thinned out where there are many."""
    bundles: _Bundles = {}
    for workspace_id, at, notice in waiting:
        bundles.setdefault(workspace_id, []).append((at, notice))
    for workspace_id in set(owed):
        bundles.setdefault(workspace_id, []).append((time.time(), {"type": "overflow"}))
    return {workspace_id: _thin(notices) for workspace_id, notices in bundles.items()}


def _thin(notices: list[tuple[float, Notice]]) -> list[tuple[float, Notice]]:
    if len(notices) > COALESCE_ABOVE:
        last: dict[Any, tuple[float, Notice]] = {}
        for index, item in enumerate(notices):
            key = item[1].get("execution_id", index)
            last.pop(key, None)  # keeps the order of the newest ones
            last[key] = item
        notices = list(last.values())
    if len(notices) > MAX_PER_FLUSH:
        notices = [*notices[:MAX_PER_FLUSH], (time.time(), {"type": "overflow"})]
    return notices


async def _send(bundles: _Bundles) -> None:
    """Numbers first, then one message per workspace: a number without its message is a gap, and pages look at gaps."""
    lasts = numbering.take(
        {workspace_id: len(notices) for workspace_id, notices in bundles.items()}
    )
    layer = get_channel_layer()
    async with asyncio.timeout(SEND_SECONDS):
        for workspace_id, notices in bundles.items():
            first = lasts[workspace_id] - len(notices) + 1
            texts = [
                (str(notice.get("agent_id") or ""), _text(notice, seq=seq, at=at))
                for seq, (at, notice) in enumerate(notices, start=first)
            ]
            await layer.group_send(group(workspace_id), {"type": "live.notices", "notices": texts})


def _text(notice: Notice, *, seq: int, at: float) -> str:
    """The message as sockets send it, so that a thousand sockets do not each write the same JSON."""
    return json.dumps({**notice, "seq": seq, "at": dt.datetime.fromtimestamp(at, dt.UTC)}).decode()


def _start_anew() -> None:
    """A forked child has neither the thread nor, perhaps, a free lock."""
    global _lock, _outbox
    _lock, _outbox = threading.Lock(), None


_lock = threading.Lock()
_outbox: _Outbox | None = None
os.register_at_fork(after_in_child=_start_anew)
