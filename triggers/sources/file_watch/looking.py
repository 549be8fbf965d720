"""What is on disk: one file, or all that a place means.

Folders are opened one below the other, by their names and never through a link, so that a folder that is exchanged for
a link while it is read leads nowhere.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from triggers.sources.file_watch.patterns import Wanted
from triggers.sources.file_watch.places import Place
from triggers.watching import SourceBroken, SourceFailed

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE)
DEEPEST = 100
ENTRIES_PER_FILE = 10  # as many names are looked at for each file that may be known


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it was at one moment; times in nanoseconds."""

    inode: int
    size: int
    mtime: int
    ctime: int

    def is_same(self, other: Seen | None) -> bool:
        """Whether the content is: an exchange for a file of the same size and time counts as none."""
        return other is not None and (self.size, self.mtime) == (other.size, other.mtime)

    def was_moved_from(self, other: Seen) -> bool:
        return self.inode == other.inode and self.is_same(other)


@dataclass(slots=True)
class Found:
    """`shut`: folders that we may not read."""

    files: dict[str, Seen] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    shut: int = 0
    entries: int = 0


def seen_of(found: os.stat_result) -> Seen | None:
    if not stat.S_ISREG(found.st_mode):
        return None
    return Seen(
        _signed(found.st_ino), found.st_size, _signed(found.st_mtime_ns), _signed(found.st_ctime_ns)
    )


def _signed(number: int) -> int:
    """Into the 64 bits with a sign that a column has: some file systems number beyond."""
    return (number + 2**63) % 2**64 - 2**63


def look(real: str, path: str) -> tuple[Seen | None, bool]:
    """(the file that is there now, whether it is a folder)."""
    try:
        found = os.lstat(os.path.join(real, path))
    except (OSError, ValueError):
        return None, False
    return seen_of(found), stat.S_ISDIR(found.st_mode)


class Walk:
    """One reading of folders. `on_folder` is told of each, by its path below the place, before it is read."""

    def __init__(
        self, place: Place, wanted: Wanted, *, most: int, on_folder: Callable[[str], object]
    ) -> None:
        self.place, self.wanted, self.most, self.on_folder = place, wanted, most, on_folder
        self.found = Found()

    def all(self) -> Found:
        """Raises SourceFailed where the folder is not there, SourceBroken where it holds too much."""
        try:
            with _opened(self.place.real, None) as handle:
                self._read(handle, "", 0)
        except OSError as error:
            raise SourceFailed(_why_not(self.place.folder, error)) from error
        return self.found

    def below(self, folder: str) -> Found:
        """One folder below the place, or nothing where it is gone."""
        parts = folder.split("/")
        try:
            with _opened(self.place.real, None) as handle:
                self._descend(handle, parts, 0)
        except OSError as error:
            if error.errno not in _GONE:
                self.found.shut += 1
        return self.found

    def _descend(self, handle: int, parts: list[str], depth: int) -> None:
        if depth == len(parts):
            self._read(handle, "/".join(parts), depth)
            return
        with _opened(parts[depth], handle) as inner:
            self._descend(inner, parts, depth + 1)

    def _read(self, handle: int, folder: str, depth: int) -> None:
        self.on_folder(folder)
        self.found.folders.append(folder)
        inner = []
        with os.scandir(handle) as entries:
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if self._take(entry, path):
                    inner.append((entry.name, path))
        deepest = DEEPEST if self.wanted.deepest is None else self.wanted.deepest
        if depth >= deepest:
            return
        for name, path in inner:
            try:
                with _opened(name, handle) as below:
                    self._read(below, path, depth + 1)
            except OSError as error:
                if error.errno not in _GONE:
                    self.found.shut += 1

    def _take(self, entry: os.DirEntry[str], path: str) -> bool:
        """Notes a file that is wanted; whether it is a folder to look into."""
        self.found.entries += 1
        if self.found.entries > self.most * ENTRIES_PER_FILE:
            raise SourceBroken(
                f"There are more than {self.most * ENTRIES_PER_FILE:,} names in {self.place.folder} and below: "
                "give a path that is nearer to the files."
            )
        try:
            if entry.is_dir(follow_symlinks=False):
                return not self.wanted.ignores(path)
            if self.wanted.takes(path) and (seen := seen_of(entry.stat(follow_symlinks=False))):
                self.found.files[path] = seen
        except OSError:
            return False  # gone meanwhile
        if len(self.found.files) > self.most:
            raise too_many(self.place, self.most)
        return False


def too_many(place: Place, most: int) -> SourceBroken:
    return SourceBroken(
        f"More than {most:,} files in {place.folder} are meant: give a narrower pattern, or watch parts of it with "
        "several triggers. FILE_WATCH_MAX_FILES is the bound."
    )


@contextmanager
def _opened(name: str, within: int | None) -> Iterator[int]:
    handle = os.open(name, _OPEN, dir_fd=within)
    try:
        yield handle
    finally:
        os.close(handle)


def _why_not(folder: str, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return f"The folder {folder} is not there."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"The folder {folder} may not be read by this process."
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return f"{folder} is not a folder, or a link. Links are not followed."
    return f"The folder {folder} cannot be read ({errno.errorcode.get(error.errno or 0, 'error')})."
