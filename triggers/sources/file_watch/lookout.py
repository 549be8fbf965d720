"""Being told by the kernel that something changes: one inotify handle for all watched folders of a listener.

What it tells are hints to look, and nothing rests on them: they may be lost, late or too many. `watchfiles` was tried
and left: it follows links out of the folder, says nothing when the kernel's queue runs over, ends at a name that is not
UTF-8, and has to begin anew for each folder more.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import struct
import threading
from dataclasses import dataclass, field
from typing import Any

_MODIFY, _ATTRIB, _CLOSE_WRITE, _MOVED_FROM, _MOVED_TO = 0x2, 0x4, 0x8, 0x40, 0x80
_CREATE, _DELETE, _DELETE_SELF, _MOVE_SELF = 0x100, 0x200, 0x400, 0x800
_Q_OVERFLOW, _IGNORED = 0x4000, 0x8000
_ONLYDIR, _DONT_FOLLOW, _EXCL_UNLINK = 0x1000000, 0x2000000, 0x4000000
_MASK = (
    _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF
    | _MOVE_SELF | _ONLYDIR | _DONT_FOLLOW | _EXCL_UNLINK
)  # fmt: skip
_EVENT = struct.Struct("iIII")
_READ = 256 * 1024
MOST_HINTS = 20_000  # of one view; beyond, all of it is looked at
REST_SECONDS = 0.05  # between two readings of the kernel's queue

NO_INOTIFY = "This system does not tell of changes (no inotify)."
NO_INSTANCE = "The system lets no more programs watch files (fs.inotify.max_user_instances)."
NO_WATCHES = "The system lets no more folders be watched (fs.inotify.max_user_watches)."
OVERFLOW = "More happened at once than the system tells (fs.inotify.max_queued_events): all was looked at again."


@dataclass(eq=False)
class View:
    """What one trigger is told. `hints`: real paths that may have changed; `moved`: folders that were here, and are
    elsewhere with all that is in them. `lost`: why hints are missing, so that all has to be looked at.

    `blind`: why it is not told of everything, and has to look by itself; empty where it is.
    """

    lookout: Lookout
    loop: asyncio.AbstractEventLoop
    hints: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    stirred: asyncio.Event = field(default_factory=asyncio.Event)
    lost: str = ""
    blind: str = ""
    closed: bool = False

    def watch(self, folder: str) -> None:
        """Of one real folder, without those below it. Any thread may call it."""
        if why := self.lookout.add(folder, self):
            self.blind = why

    def hint(self, path: str) -> None:
        if len(self.hints) >= MOST_HINTS:
            self.miss(OVERFLOW)
        else:
            self.hints.add(path)
        self.stirred.set()

    def miss(self, why: str) -> None:
        self.hints.clear()
        self.lost = why
        self.stirred.set()

    def move(self, folder: str) -> None:
        self.moved.add(folder)
        self.stirred.set()

    def watches(self, folder: str) -> bool:
        return self.lookout.has(folder, self)

    def take(self) -> tuple[set[str], set[str]]:
        """(hints, moved) since the last time; `lost` stays."""
        taken = self.hints, self.moved
        self.hints, self.moved = set(), set()
        self.stirred.clear()
        return taken

    def close(self) -> None:
        self.closed = True
        self.lookout.drop(self)


class Lookout:
    """The handle and who watches what with it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._handle = -1
        self._paths: dict[int, str] = {}  # watch descriptor -> folder
        self._views: dict[str, tuple[int, set[View]]] = {}

    def view(self) -> View:
        return View(self, self._loop)

    def open(self) -> str:
        """Why it cannot, or nothing. Called in the loop's thread."""
        if self._handle >= 0:
            return ""
        if _LIBC is None:
            return NO_INOTIFY
        handle = _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if handle < 0:
            return NO_INSTANCE
        self._handle = handle
        self._loop.add_reader(handle, self._read)
        return ""

    def add(self, folder: str, view: View) -> str:
        """Why it cannot be watched, or nothing: also where the folder is gone, which whoever looks will see."""
        with self._lock:
            if self._handle < 0 or _LIBC is None:
                return NO_INSTANCE if _LIBC else NO_INOTIFY
            if view.closed:
                return ""
            if folder in self._views and view in self._views[folder][1]:
                return ""
            number = _LIBC.inotify_add_watch(self._handle, os.fsencode(folder), _MASK)
            if number < 0:
                return NO_WATCHES if ctypes.get_errno() in (errno.ENOSPC, errno.ENOMEM) else ""
            self._note(number, folder, view)
        return ""

    def _note(self, number: int, folder: str, view: View) -> None:
        """A folder that was moved keeps its number, and is known by its new place from now on."""
        stale, views = self._views.pop(folder, (number, set()))
        former = self._paths.get(number)
        if former is not None and former != folder:
            _, moved = self._views.pop(former)
            for one in moved:
                self._loop.call_soon_threadsafe(one.move, former)
        if stale != number:  # of a folder that was in this place
            self._let_go(stale)
        self._paths[number] = folder
        self._views[folder] = number, views | {view}

    def has(self, folder: str, view: View) -> bool:
        with self._lock:
            return folder in self._views and view in self._views[folder][1]

    def drop(self, view: View) -> None:
        with self._lock:
            for folder in [one for one, (_, views) in self._views.items() if view in views]:
                number, views = self._views[folder]
                views.discard(view)
                if not views:
                    del self._views[folder]
                    self._let_go(number)

    def _let_go(self, number: int) -> None:
        self._paths.pop(number, None)
        if _LIBC is not None and self._handle >= 0:
            _LIBC.inotify_rm_watch(self._handle, number)

    def _read(self) -> None:
        """Takes what there is, then rests a moment: a flood must not keep the loop from its work."""
        self._loop.remove_reader(self._handle)
        self._loop.call_later(REST_SECONDS, self._listen)
        while raw := _take(self._handle):
            self._tell(raw)
            if len(raw) < _READ // 2:
                break

    def _listen(self) -> None:
        if self._handle >= 0:
            self._loop.add_reader(self._handle, self._read)

    def _tell(self, raw: bytes) -> None:
        at = 0
        with self._lock:
            while at < len(raw):
                number, mask, _, length = _EVENT.unpack_from(raw, at)
                at += _EVENT.size
                name = raw[at : at + length].rstrip(b"\0")
                at += length
                if mask & _Q_OVERFLOW:
                    self._miss()
                elif (folder := self._paths.get(number)) is not None:
                    self._hint(number, mask, folder, os.fsdecode(name))

    def _hint(self, number: int, mask: int, folder: str, name: str) -> None:
        views = self._views[folder][1]
        for view in views:
            view.hint(os.path.join(folder, name) if name else folder)
        if mask & _MOVE_SELF:
            self._moved(folder)
        elif mask & _IGNORED:
            del self._paths[number], self._views[folder]

    def _moved(self, moved: str) -> None:
        """What is below it is elsewhere too, and is found anew where it is."""
        below = moved + "/"
        for folder in [one for one in self._views if one == moved or one.startswith(below)]:
            number, views = self._views.pop(folder)
            self._let_go(number)
            for view in views:
                view.move(moved)

    def _miss(self) -> None:
        for view in {view for _, views in self._views.values() for view in views}:
            view.miss(OVERFLOW)

    def close(self) -> None:
        with self._lock:
            handle, self._handle = self._handle, -1
            self._paths.clear()
            self._views.clear()
        if handle >= 0:
            self._loop.remove_reader(handle)
            os.close(handle)


def _take(handle: int) -> bytes:
    try:
        return os.read(handle, _READ)
    except BlockingIOError:
        return b""


def _libc() -> Any:
    """None where the system has no inotify."""
    found = ctypes.CDLL(None, use_errno=True)
    if not hasattr(found, "inotify_init1"):
        return None
    found.inotify_add_watch.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32]
    return found


_LIBC = _libc()
_by_loop: dict[asyncio.AbstractEventLoop, tuple[Lookout, list[View]]] = {}


def view() -> View:
    """For one trigger, in the running loop; the handle is shared, and closed with the last view."""
    loop = asyncio.get_running_loop()
    if loop not in _by_loop:
        _by_loop[loop] = Lookout(loop), []
    lookout, views = _by_loop[loop]
    made = lookout.view()
    made.blind = lookout.open()
    views.append(made)
    return made


def leave(left: View) -> None:
    left.close()
    lookout, views = _by_loop[left.loop]
    views.remove(left)
    if not views:
        lookout.close()
        del _by_loop[left.loop]
