"""Who watches what: sources are shared out between listeners by rows, on the database's clock alone.

A listener holds a source while the listener's own row is fresh. One that is not seen for LISTENER_SECONDS has lost what
it held, whether it knows or not: `fence` in the transaction of its next event tells it.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from triggers import statements
from triggers.models import Listener, Trigger, Watch


class LeaseLost(Exception):
    """Somebody else watches this source by now."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """`version` changes with what is to be watched; `held` is what this listener holds of it, `mine` all it holds."""

    version: str
    wanted: int
    free: int
    held: int
    listeners: int
    mine: int

    @property
    def share(self) -> int:
        """How many sources one listener takes, so that all have about as many."""
        return -(-self.wanted // max(1, self.listeners))


def beat(lease: uuid.UUID, *, name: str, types: Sequence[str]) -> Pulse:
    """One statement."""
    (row,) = statements.run(
        "beat_listener",
        {
            "lease": lease,
            "name": name[:200],
            "types": list(types),
            "patience": settings.LISTENER_SECONDS,
        },
    )
    return Pulse(*row)


def claim(lease: uuid.UUID, *, types: Sequence[str], places: int) -> list[uuid.UUID]:
    """Takes up to so many sources that nobody holds. Rows that had to be made first are taken the next time."""
    if places <= 0:
        return []
    rows = statements.run(
        "claim_watches",
        {
            "lease": lease,
            "types": list(types),
            "places": places,
            "patience": settings.LISTENER_SECONDS,
        },
    )
    return [row[0] for row in rows]


def held(lease: uuid.UUID, *, types: Sequence[str]) -> dict[uuid.UUID, int]:
    """What this listener is to watch now: trigger -> version of its configuration."""
    mine = Trigger.objects.filter(watch__lease=lease, trigger_type__in=types)
    wanted = mine.filter(status="active") | mine.filter(status="error", watch__put_in_error=True)
    return dict(wanted.values_list("pk", "version"))


def release(lease: uuid.UUID, ids: Iterable[uuid.UUID]) -> int:
    """Others may take these from now on."""
    return _mine(lease).filter(pk__in=list(ids)).update(lease=None, works_since=None)


def release_unwanted(lease: uuid.UUID, *, wanted: Collection[uuid.UUID]) -> int:
    """What is held and not among those that are to be watched (`held`): switched off, of another type."""
    return _mine(lease).exclude(pk__in=wanted).update(lease=None, works_since=None)


def leave(lease: uuid.UUID) -> None:
    """A graceful stop: all of it is free at once."""
    with transaction.atomic():
        _mine(lease).update(lease=None, works_since=None)
        Listener.objects.filter(pk=lease).delete()
    forget_gone()


def forget_gone() -> int:
    """Those that were killed; one that only hung writes its row anew."""
    long_ago = Now() - dt.timedelta(seconds=settings.LISTENER_SECONDS)
    return Listener.objects.filter(seen_at__lt=long_ago).delete()[0]


def fence(watch: Watch, **fields: object) -> None:
    """Writes into the row of a source that is held since `watch` was read, in the open transaction. Raises LeaseLost,
    also where it was lost and taken again meanwhile.
    """
    mine = _mine(watch.lease).filter(pk=watch.pk, taken_at=watch.taken_at)
    if not mine.update(**(fields or {"lease": watch.lease})):
        raise LeaseLost


def _mine(lease: uuid.UUID | None) -> QuerySet[Watch]:
    return Watch.objects.filter(lease=lease)


@dataclass(frozen=True, slots=True)
class Overview:
    """Of the whole installation. `silence_seconds`: since any listener was seen; None where none ever was."""

    wanted: int
    working: int
    failing: int
    noted: int
    silence_seconds: float | None


def overview(types: Sequence[str]) -> Overview:
    """One statement. Index trigger_type_status."""
    (row,) = statements.run("count_watches", {"types": list(types)})
    return Overview(*row)


def told(watch: Watch | None) -> dict[str, Any]:
    """How one source goes, for the wire and for pages."""
    watch = watch or Watch()
    return {
        "works": watch.works_since is not None,
        "works_since": watch.works_since,
        "failures": watch.failures,
        "failing_since": watch.failing_since,
        "last_error": watch.last_error,
        "note": watch.note,
        "received": watch.received,
        "last_event_at": watch.last_event_at,
        "lag_ms": watch.lag_ms,
        "waiting": watch.waiting,
    }
