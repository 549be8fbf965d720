"""The rows of what is known of a trigger's files: read when it begins to be watched, written with its events."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable, Mapping

from triggers import statements
from triggers.models import WatchedFile
from triggers.sources.file_watch.ledger import Happened
from triggers.sources.file_watch.looking import Seen

CHUNK = 5_000


def key_of(path: str) -> uuid.UUID:
    """A path may be longer than what an index takes."""
    return uuid.UUID(bytes=hashlib.blake2b(os.fsencode(path), digest_size=16).digest())


def load(trigger_id: uuid.UUID) -> dict[str, Seen]:
    """Constraint watched_file_once."""
    rows = WatchedFile.objects.filter(trigger_id=trigger_id)
    told = rows.values_list("path", "inode", "size", "mtime", "ctime")
    return {os.fsdecode(bytes(path)): Seen(*rest) for path, *rest in told.iterator(CHUNK)}


def write(trigger_id: uuid.UUID, happened: Iterable[Happened]) -> None:
    """In the open transaction, that of the events."""
    kept: dict[str, Seen] = {}
    gone: list[str] = []
    for one in happened:
        if one.from_path:
            gone.append(one.from_path)
        if one.seen is None:
            gone.append(one.path)
        else:
            kept[one.path] = one.seen
    forget(trigger_id, gone)
    keep(trigger_id, kept)


def keep(trigger_id: uuid.UUID, files: Mapping[str, Seen]) -> None:
    if not files:
        return
    seen = files.values()
    columns = {
        "keys": [key_of(path) for path in files],
        "paths": [os.fsencode(path) for path in files],
        "inodes": [one.inode for one in seen],
        "sizes": [one.size for one in seen],
        "mtimes": [one.mtime for one in seen],
        "ctimes": [one.ctime for one in seen],
    }
    statements.run("upsert_watched_files", {"trigger": trigger_id, **columns})


def forget(trigger_id: uuid.UUID, paths: Iterable[str]) -> None:
    if keys := [key_of(path) for path in paths]:
        WatchedFile.objects.filter(trigger_id=trigger_id, key__in=keys).delete()


def forget_all(trigger_id: uuid.UUID) -> None:
    WatchedFile.objects.filter(trigger_id=trigger_id).delete()
