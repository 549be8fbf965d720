"""`manage.py listen`: one asyncio process that watches sources: queues, files, MCP servers.

Twice a second it looks, with one statement, at what is to be watched, and makes what runs here fit: takes its share of
what nobody holds, begins, begins anew what was changed, and ends what was switched off. Each source runs in a task of
its own and is tried again after a failure, with a pause that doubles up to a minute. A database that is away stops
nobody: what cannot be stored is not acknowledged.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import uuid
from collections.abc import Iterable
from contextlib import suppress
from typing import Never

from django.conf import settings

from config.lib.threads import in_thread
from executions import watch_door
from executions.watch_door import WatchDoor
from triggers import leases, sources
from triggers.leases import LeaseLost, Pulse
from triggers.models import Trigger, Watch
from triggers.watching import SourceFailed, Watcher

log = logging.getLogger(__name__)

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 60.0
STOP_SECONDS = 10.0  # for what is being stored just now


class Listener:
    """`lease` is this process in the rows of what it holds."""

    def __init__(self) -> None:
        self.lease = uuid.uuid4()
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.types = sources.watched()
        self._tasks: dict[uuid.UUID, tuple[int, asyncio.Task[None]]] = {}
        self._seen: tuple[str, int] | None = None
        self._stop = asyncio.Event()

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> None:
        """Until `stop`: then ends all watchers and gives what they held free."""
        log.info("listening", extra={"listener": self.name})
        try:
            while not self._stop.is_set():
                await self._look()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), settings.LISTENER_LOOK_SECONDS)
        finally:
            await self._end(list(self._tasks))
            with suppress(Exception):
                await in_thread(leases.leave, self.lease)
            log.info("stopped listening", extra={"listener": self.name})

    async def _look(self) -> None:
        try:
            pulse = await in_thread(leases.beat, self.lease, name=self.name, types=self.types)
            if self._is_to_do(pulse):
                await self._fit(pulse)
                self._seen = (pulse.version, pulse.listeners)
        except Exception:
            log.exception("cannot look now what is to be watched, trying again")
            self._seen = None

    def _is_to_do(self, pulse: Pulse) -> bool:
        running = sum(not task.done() for _, task in self._tasks.values())
        return (
            (pulse.version, pulse.listeners) != self._seen
            or pulse.free > 0
            or pulse.held != running
            or pulse.mine != pulse.held
        )

    async def _fit(self, pulse: Pulse) -> None:
        """Lets go what is too much or not wanted, takes what is free, and begins what it holds and does not run.

        Also whenever another listener has gone.
        """
        await in_thread(leases.forget_gone)
        held = await in_thread(leases.held, self.lease, types=self.types)
        await self._end(
            pk
            for pk, (version, task) in list(self._tasks.items())
            if held.get(pk) != version or task.done()
        )
        await in_thread(leases.release_unwanted, self.lease, wanted=list(held))
        if surplus := list(held)[pulse.share :]:
            await self._end(surplus)
            await in_thread(leases.release, self.lease, surplus)
        elif pulse.free:
            held = await self._take(pulse.share - len(held), of=pulse.free)
        for pk, version in held.items():
            if pk not in self._tasks and pk not in surplus:
                self._tasks[pk] = version, asyncio.create_task(self._keep(pk), name=str(pk))

    async def _take(self, places: int, *, of: int) -> dict[uuid.UUID, int]:
        """A source that is new gets its row by the first claim, and is taken by the second one."""
        taken = await in_thread(leases.claim, self.lease, types=self.types, places=places)
        if len(taken) < min(places, of):
            places -= len(taken)
            await in_thread(leases.claim, self.lease, types=self.types, places=places)
        return await in_thread(leases.held, self.lease, types=self.types)

    async def _end(self, ids: Iterable[uuid.UUID]) -> None:
        ended = [self._tasks.pop(pk)[1] for pk in list(ids) if pk in self._tasks]
        for task in ended:
            task.cancel()
        if ended:
            await asyncio.wait(ended, timeout=STOP_SECONDS)

    async def _keep(self, trigger_id: uuid.UUID) -> None:
        """Watches one source again and again until it is cancelled, or another listener holds it."""
        moments = 0  # how often in a row it worked for a moment only
        while True:
            door: WatchDoor | None = None
            try:
                door = await in_thread(_open, trigger_id, self.lease)
                door.on_trial = moments > 1
                await _watch(door)
            except (LeaseLost, Trigger.DoesNotExist, Watch.DoesNotExist):
                return
            except Exception as error:
                if not isinstance(error, SourceFailed):
                    log.exception("a source failed", extra={"trigger": str(trigger_id)})
                failures = await self._told(door, trigger_id, error)
            if failures is None:
                return
            if door and door.was_brief is not None:
                moments = moments + 1 if door.was_brief else 0
            await asyncio.sleep(pause(failures))

    async def _told(
        self, door: WatchDoor | None, trigger_id: uuid.UUID, error: Exception
    ) -> int | None:
        """How many failures in a row it is now; None where another listener holds the source."""
        said = error if isinstance(error, SourceFailed) else SourceFailed(_words(error))
        try:
            await in_thread(watch_door.fail, door, trigger_id, self.lease, said)
        except LeaseLost:
            return None
        except Exception:
            log.exception("a failure could not be written down", extra={"trigger": str(trigger_id)})
        return door.failures if door else 1


def pause(failures: int) -> float:
    """Seconds until the next try: doubling, with half of it left to chance, so that not all come at once."""
    longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(failures - 1, 10))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, keeps no secret


def _open(trigger_id: uuid.UUID, lease: uuid.UUID) -> WatchDoor:
    trigger = Trigger.objects.select_related("agent", "workspace").get(pk=trigger_id)
    return WatchDoor(trigger, Watch.objects.get(pk=trigger_id, lease=lease))


async def _watch(door: WatchDoor) -> Never:
    """For as long as it goes well."""
    if sources.why_off(door.trigger.trigger_type, door.trigger.config):
        await asyncio.Event().wait()  # what waits at the source is left alone
    try:
        await _watcher(door).watch(door)
    finally:
        await door.close()
    raise SourceFailed("It ended without a reason.")


def _watcher(door: WatchDoor) -> Watcher:
    watcher = sources.of(door.trigger).watcher(door.config)
    if watcher is None:
        raise SourceFailed("There is nothing to watch.")
    return watcher


def _words(error: Exception) -> str:
    return f"Unexpected {type(error).__name__}."
