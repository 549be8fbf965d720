"""A file that came, changed, went or was moved, as an event: what its payload holds and what it is known by."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import os
from typing import Any

from config.lib import json
from triggers import event_types
from triggers.sources.file_watch.ledger import Happened
from triggers.sources.file_watch.looking import Seen
from triggers.sources.file_watch.patterns import plain
from triggers.sources.file_watch.places import Place
from triggers.watching import Received

EVENTS = ("created", "modified", "deleted", "moved")
DEBOUNCE = 5.0  # seconds, where the trigger says nothing
_LONGEST_SUBJECT = 100

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "title": "Path"},
        "event": {"type": "string", "title": "What happened", "enum": list(EVENTS)},
        "name": {"type": "string", "title": "Name"},
        "size": {"type": "integer", "title": "Size in bytes"},
        "modified_at": {"type": ["string", "null"], "title": "Modified at"},
        "relative_path": {"type": "string", "title": "Path below the allowed folder"},
        "root": {"type": "string", "title": "Allowed folder"},
        "from_path": {"type": "string", "title": "Path before it was moved"},
        "path_base64": {"type": "string", "title": "Path in bytes, where it is not UTF-8"},
    },
    "required": ["path", "event"],
    "additionalProperties": False,
}
SAMPLE: dict[str, Any] = {
    "path": "/srv/files/orders/2026-01-05.csv",
    "event": "created",
    "name": "2026-01-05.csv",
    "size": 2048,
    "modified_at": "2026-01-05T09:00:00Z",
    "relative_path": "orders/2026-01-05.csv",
    "root": "/srv/files",
}
LABELS = {
    "created": "File created",
    "modified": "File modified",
    "deleted": "File deleted",
    "moved": "File moved",
}


def sample(event: str) -> dict[str, Any]:
    moved = {"from_path": "/srv/files/orders/new/2026-01-05.csv"} if event == "moved" else {}
    return {**SAMPLE, "event": event, **moved}


TYPES = {
    event: event_types.register(
        f"file_{event}",
        label=LABELS[event],
        schema=SCHEMA,
        sample=sample(event),
        source="file_watch",
        group="Files",
        told_to="file_watch",
    )
    for event in EVENTS
}


def received(happened: Happened, place: Place) -> Received:
    whole = place.shown(happened.path)
    seen = happened.seen or happened.was
    assert seen is not None  # one of both is there: something was or is
    below = os.path.relpath(whole, place.root)
    payload = {
        "path": plain(whole),
        "event": happened.event,
        "name": plain(os.path.basename(whole)),
        "size": seen.size,
        "modified_at": _moment(seen.mtime),
        "relative_path": plain(below),
        "root": place.root,
    }
    if happened.from_path:
        payload["from_path"] = plain(place.shown(happened.from_path))
    if plain(whole) != whole:
        payload["path_base64"] = base64.b64encode(os.fsencode(whole)).decode()
    return Received(
        payload,
        TYPES[happened.event].name,
        key=_key(happened, whole, seen),
        sent_at=dt.datetime.fromtimestamp(happened.first, dt.UTC),
        subject=_subject(plain(below)),
    )


def _key(happened: Happened, whole: str, seen: Seen) -> str:
    """The time of the change of its entry is in it: a file that went and came back unchanged is told again."""
    named = (happened.event, seen.inode, seen.mtime, seen.size, seen.ctime)
    paths = b"\0".join(os.fsencode(one) for one in (whole, happened.from_path))
    return hashlib.sha256(repr(named).encode() + paths).hexdigest()


def _subject(path: str) -> str:
    said = f"file:{path}"
    return said if len(said) <= _LONGEST_SUBJECT else f"file:...{path[8 - _LONGEST_SUBJECT :]}"


def _moment(nanoseconds: int) -> str | None:
    """None for times that no calendar has."""
    try:
        return json.timestamp(dt.datetime.fromtimestamp(nanoseconds / 1e9, dt.UTC))
    except (ValueError, OverflowError, OSError):
        return None
