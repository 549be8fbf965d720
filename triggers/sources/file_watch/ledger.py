"""What is known of the files of one trigger, and what has to be told of them. Without input and output.

`notice` takes what was seen of a path, as often as anybody looks; what differs from what is known waits until it has
been the same for `quiet` seconds, and becomes one event. So a file that is being written is told once, when it is
whole, and one that came and went meanwhile is not told at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from triggers.sources.file_watch.looking import Seen


@dataclass(frozen=True, slots=True)
class Waiting:
    """`since`: when it was last seen to change. `first`: when that began, on the wall's clock."""

    seen: Seen | None
    since: float
    first: float


@dataclass(frozen=True, slots=True)
class Happened:
    """One event, or (without `event`) a file that is known anew. `seen` is None of a deletion, `was` of a creation."""

    path: str
    event: str
    seen: Seen | None
    was: Seen | None
    first: float
    from_path: str = ""


class Ledger:
    def __init__(self, known: dict[str, Seen], *, quiet: float, wanted: frozenset[str]) -> None:
        """`wanted`: the events that are to be told."""
        self.known = known
        self.quiet = quiet
        self.wanted = wanted
        self._waiting: dict[str, Waiting] = {}  # in the order of `since`
        self._came: dict[int, str] = {}  # inode -> path where it was not known
        self._went: dict[int, str] = {}  # inode -> path where it was known

    def __len__(self) -> int:
        return len(self.known) + len(self._waiting)

    def paths(self) -> list[str]:
        return list(self.known.keys() | self._waiting.keys())

    def notice(self, path: str, seen: Seen | None, *, now: float, wall: float) -> None:
        known, waits = self.known.get(path), self._waiting.get(path)
        if seen == known:
            self._forget(path)
        elif waits is None or waits.seen != seen:
            self._forget(path)
            self._waiting[path] = Waiting(seen, now, waits.first if waits else wall)
            self._index(path, seen, known)

    def notice_all(self, found: Mapping[str, Seen], *, now: float, wall: float) -> None:
        """A whole look: what is not in it is gone."""
        for path, seen in found.items():
            self.notice(path, seen, now=now, wall=wall)
        for path in self.paths():
            if path not in found:
                self.notice(path, None, now=now, wall=wall)

    def next_due(self) -> float | None:
        """When the next one has been quiet long enough, if nothing more comes."""
        first = next(iter(self._waiting.values()), None)
        return first.since + self.quiet if first else None

    def ripe(self, *, now: float, most: int) -> list[str]:
        """Paths that have been quiet long enough; look at them again before they are told."""
        found: list[str] = []
        for path, waits in self._waiting.items():
            if waits.since + self.quiet > now or len(found) >= most:
                break
            found.append(path)
        return found

    def tell(self, paths: list[str], *, now: float) -> list[Happened]:
        """What came of those of the paths that are still quiet. They wait until `settle`."""
        told: dict[str, Happened] = {}
        for path in paths:
            waits = self._waiting.get(path)
            if waits and waits.since + self.quiet <= now and path not in told:
                for one in self._judge(path, waits):
                    told[one.path] = one
                    if one.from_path:
                        told.pop(one.from_path, None)
        moved = {one.from_path for one in told.values() if one.from_path}
        return [one for one in told.values() if one.path not in moved]

    def settle(self, happened: list[Happened]) -> None:
        """It is stored."""
        for one in happened:
            if one.from_path:
                self._forget(one.from_path)
                self.known.pop(one.from_path, None)
            if (waits := self._waiting.get(one.path)) and waits.seen == one.seen:
                self._forget(one.path)
            if one.seen is None:
                self.known.pop(one.path, None)
            else:
                self.known[one.path] = one.seen

    def _judge(self, path: str, waits: Waiting) -> Iterator[Happened]:
        seen, was = waits.seen, self.known.get(path)
        if seen is None:
            if was is None or self._has_moved(path, was):
                return
            yield self._told(path, "deleted", waits, was)
            return
        source = self._went.get(seen.inode)
        left = self.known.get(source) if source is not None else None
        if source is not None and left is not None and seen.was_moved_from(left):
            yield from self._moved(path, waits, source, left)
        elif was is None:
            yield self._told(path, "created", waits, None)
        else:
            yield self._told(path, "" if seen.is_same(was) else "modified", waits, was)

    def _has_moved(self, path: str, was: Seen) -> bool:
        """Whether it is elsewhere now; then it is told with the place where it is, as soon as that is quiet."""
        target = self._came.get(was.inode)
        waits = self._waiting.get(target) if target is not None else None
        if waits is None or waits.seen is None or not waits.seen.was_moved_from(was):
            return False
        self._waiting[path] = Waiting(None, waits.since, self._waiting.pop(path).first)
        return True

    def _moved(self, path: str, waits: Waiting, source: str, left: Seen) -> Iterator[Happened]:
        if "moved" in self.wanted:
            yield Happened(path, "moved", waits.seen, left, waits.first, from_path=source)
            return
        yield self._told(source, "deleted", Waiting(None, waits.since, waits.first), left)
        was = self.known.get(path)
        yield self._told(path, "modified" if was else "created", waits, was)

    def _told(self, path: str, event: str, waits: Waiting, was: Seen | None) -> Happened:
        return Happened(path, event if event in self.wanted else "", waits.seen, was, waits.first)

    def _index(self, path: str, seen: Seen | None, known: Seen | None) -> None:
        if seen is None and known is not None:
            self._went[known.inode] = path
        elif seen is not None and (known is None or known.inode != seen.inode):
            self._came[seen.inode] = path

    def _forget(self, path: str) -> None:
        waits = self._waiting.pop(path, None)
        if waits is None:
            return
        known = self.known.get(path)
        if waits.seen is not None and self._came.get(waits.seen.inode) == path:
            del self._came[waits.seen.inode]
        elif known is not None and self._went.get(known.inode) == path:
            del self._went[known.inode]
