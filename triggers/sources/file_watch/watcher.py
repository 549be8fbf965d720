"""One trigger's files, being watched: looks where it is told to look, and at everything now and then.

An event and what is known of its file are stored in one transaction, behind the lease. So whoever goes on after a stop,
a crash or a move to another listener compares what is there with what was told, and finds all that is missing.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import random
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Any

from django.conf import settings

from config.lib import json
from config.lib.threads import in_thread
from triggers.sources.file_watch import keeping, lookout, patterns, places, telling
from triggers.sources.file_watch.ledger import Happened, Ledger
from triggers.sources.file_watch.looking import Found, Seen, Walk, look, too_many
from triggers.sources.file_watch.lookout import View
from triggers.sources.file_watch.places import BadPath, Place
from triggers.watching import Door, SourceBroken, SourceFailed, Watcher

log = logging.getLogger(__name__)

AT_ONCE = 500  # events of one transaction
QUIET_SECONDS = 0.1  # at least, so that both ends of a move are seen
REST_SECONDS = 0.05  # what comes together is looked at together
WALK_REST = 20  # times as long as a whole look took, until the next one
URGENT_REST = 5  # the same, where hints were lost


class Begun(Exception):
    """The path means something else by now: begin anew."""


class FileWatcher(Watcher):
    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config

    async def watch(self, door: Door) -> None:
        while True:
            view = lookout.view()
            try:
                chase = Chase(door, self.config, view)
                await chase.begin()
                await door.works()
                while True:
                    await chase.go_on()
            except Begun:
                continue
            finally:
                lookout.leave(view)


class Chase:
    """From the first look to the last. One thing at a time: what is slow runs in a thread, and is waited for."""

    def __init__(self, door: Door, config: dict[str, Any], view: View) -> None:
        self.door, self.config, self.view = door, config, view
        self.slug = door.trigger.workspace.slug
        self.most = settings.FILE_WATCH_MAX_FILES
        self._note = self._shut = self._lost = ""
        self._look_at = self._urgent_at = self._free_at = 0.0

    async def begin(self) -> None:
        """Compares what is there with what is known; at the very first time it takes all for known."""
        self.place = await asyncio.to_thread(self._find)
        state = self.door.state
        self._refuse_to_forget(state)
        self.wanted = _wanted(self.place, self.config)
        told: dict[str, Seen] = {}
        if state.get("base") == self.place.folder:
            told = await in_thread(keeping.load, self.door.trigger.pk)
        known = {path: seen for path, seen in told.items() if self.wanted.takes(path)}
        found = await self._walk()
        new = {} if state.get("of") == self._of() or self.config.get("existing") else found.files
        fresh = {path: seen for path, seen in new.items() if path not in known}
        await self._take_up(state, dropped=told.keys() - known.keys(), fresh=fresh)
        quiet = max(QUIET_SECONDS, float(self.config.get("debounce_seconds", telling.DEBOUNCE)))
        events = frozenset(self.config.get("events") or telling.EVENTS)
        self.ledger = Ledger(known | fresh, quiet=quiet, wanted=events)
        await asyncio.to_thread(self._notice_all, found, _now())

    async def go_on(self) -> None:
        """Waits for something to do, and does it."""
        await self._wait()
        now = _now()
        hints, moved = self.view.take()
        if self.view.lost or self.place.real in hints | moved:  # or the folder itself is another
            self._look_at = min(self._look_at, max(now, self._urgent_at))
        if now >= self._look_at:
            found = await self._walk()
            await asyncio.to_thread(self._notice_all, found, _now())
        if hints or moved:
            self._notice(await asyncio.to_thread(self._follow, hints, moved))
        if now >= self._free_at:
            await self._tell()
        await self._say()

    async def _wait(self) -> None:
        due = self.ledger.next_due()
        until = self._look_at if due is None else min(self._look_at, max(due, self._free_at))
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self.view.stirred.wait()
                await asyncio.sleep(REST_SECONDS)

    def _find(self) -> Place:
        try:
            return places.find(self.config["path"], slug=self.slug)
        except BadPath as error:
            raise SourceBroken(str(error)) from None

    def _of(self) -> str:
        """Which files are meant: where that changes, those that are meant newly are taken for known."""
        named = [self.config["path"], self.config.get("recursive", True)]
        named.append(self.config.get("ignore_patterns", []))
        return hashlib.sha256(json.dumps(named)).hexdigest()[:32]

    def _refuse_to_forget(self, state: dict[str, Any]) -> None:
        """A folder that went away is not taken for a file that is to come, and its files not for deleted."""
        if self.place.target and state.get("folder") and state.get("of") == self._of():
            raise SourceFailed(f"The folder {self.config['path']} is not there.")

    async def _take_up(
        self, state: dict[str, Any], *, dropped: Iterable[str], fresh: dict[str, Seen]
    ) -> None:
        place, pk = self.place, self.door.trigger.pk
        new = {"of": self._of(), "base": place.folder, "folder": not place.target}

        def write() -> None:
            if state.get("base") == place.folder:
                keeping.forget(pk, dropped)
            else:
                keeping.forget_all(pk)
            keeping.keep(pk, fresh)

        if new != state or dropped or fresh:
            await self.door.store([], state=new, also=write)

    # Looking

    async def _walk(self) -> Found:
        """All of it; the folders are watched before they are read, so that nothing falls in between."""
        began, lost, self.view.lost = _now(), self.view.lost, ""
        self.view.blind = self.view.lookout.open()
        found = await asyncio.to_thread(self._read)
        took = _now() - began
        if lost:
            log.warning("hints of files were lost", extra={"trigger": str(self.door.trigger.pk)})
        self._shut = f"{found.shut} folders may not be read by this process." if found.shut else ""
        pause = (
            settings.FILE_WATCH_POLL_SECONDS
            if self.view.blind
            else settings.FILE_WATCH_RESCAN_SECONDS
        )
        spread = random.uniform(0.9, 1.1)  # noqa: S311 - spreads load, keeps no secret
        self._look_at = _now() + max(pause, WALK_REST * took) * spread
        self._urgent_at = _now() + URGENT_REST * took
        self._lost = lost
        return found

    def _read(self) -> Found:
        if self._find() != self.place:
            raise Begun
        return self._reading().all()

    def _reading(self) -> Walk:
        return Walk(self.place, self.wanted, most=self.most, on_folder=self._on_folder)

    def _on_folder(self, folder: str) -> None:
        self.view.watch(os.path.join(self.place.real, folder) if folder else self.place.real)

    def _follow(self, hints: set[str], moved: set[str]) -> dict[str, Seen | None]:
        """What is at those places now. Folders that are new are read, and those below them."""
        found: dict[str, Seen | None] = {}
        for real in sorted(hints | moved):
            path = self._below(real)
            if path and not self.wanted.ignores(path):
                seen, is_folder = look(self.place.real, path)
                if self.place.target and is_folder and path == self.place.target:
                    raise Begun
                if is_folder and (real in moved or not self.view.watches(real)):
                    found |= self._enter(path)
                if self.wanted.takes(path):
                    found[path] = seen
        if left := {path for real in moved if (path := self._below(real))}:
            found |= self._left(left)
        return found

    def _below(self, real: str) -> str | None:
        """The path below the place, empty for the place itself."""
        if real == self.place.real:
            return ""
        prefix = self.place.real.rstrip("/") + "/"
        return real[len(prefix) :] if real.startswith(prefix) else None

    def _enter(self, folder: str) -> dict[str, Seen | None]:
        deepest = self.wanted.deepest
        if deepest is not None and folder.count("/") + 1 > deepest:
            return {}
        return dict(self._reading().below(folder).files)

    def _left(self, folders: set[str]) -> dict[str, Seen | None]:
        """Files of folders that are elsewhere now."""
        inside = tuple(f"{folder}/" for folder in folders)
        return {
            path: look(self.place.real, path)[0]
            for path in self.ledger.paths()
            if path.startswith(inside)
        }

    def _notice(self, found: dict[str, Seen | None]) -> None:
        now, wall = _now(), time.time()
        for path, seen in found.items():
            self.ledger.notice(path, seen, now=now, wall=wall)
        self._refuse_too_many()

    def _notice_all(self, found: Found, now: float) -> None:
        self.ledger.notice_all(found.files, now=now, wall=time.time())
        self._refuse_too_many()

    def _refuse_too_many(self) -> None:
        if len(self.ledger.known) > self.most or len(self.ledger) > 2 * self.most:
            raise too_many(self.place, self.most)

    # Telling

    async def _tell(self) -> None:
        now = _now()
        paths = self.ledger.ripe(now=now, most=AT_ONCE)
        if not paths:
            return
        self._notice(await asyncio.to_thread(self._look_again, paths))
        happened = self.ledger.tell(paths, now=now)
        if not happened:
            return
        received = [telling.received(one, self.place) for one in happened if one.event]
        await self.door.store(received, also=partial(self._write, happened))
        self.ledger.settle(happened)
        self._free_at = now + len(received) / settings.FILE_WATCH_EVENTS_PER_SECOND

    def _write(self, happened: list[Happened]) -> None:
        keeping.write(self.door.trigger.pk, happened)

    def _look_again(self, paths: list[str]) -> dict[str, Seen | None]:
        """Right before it is told, and without following a link that has come into the way."""
        found: dict[str, Seen | None] = {}
        for path in paths:
            seen, _ = look(self.place.real, path)
            found[path] = seen if seen and places.is_inside(self.place.real, path) else None
        return found

    async def _say(self) -> None:
        """What whoever runs the installation should know, where that has changed."""
        blind = self.view.blind
        if blind:
            blind += f" It is looked at every {settings.FILE_WATCH_POLL_SECONDS:g} seconds instead."
        note = " ".join(filter(None, [blind, self._lost, self._shut]))
        if note != self._note:
            await self.door.note(note)
            self._note = note


def _wanted(place: Place, config: dict[str, Any]) -> patterns.Wanted:
    return patterns.wanted(
        place.pattern,
        recursive=bool(config.get("recursive", True)) and not place.target,
        ignore=config.get("ignore_patterns", []),
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
