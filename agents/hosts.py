"""Hosts outside that are away: the one door between an action and the network.

    async with hosts.calling(scene.workspace_id, "api.example.org:443") as call:
        answer = await ...                   # raises ActionFailed(host=...) where the host is at fault
        call.answered = True

After `HOST_FAILURES` failures in a row (no connection, no answer in time, 429, 5xx) the host is away:
`calling` raises HostAway without calling it, and the run is held. From `open_until` on, one caller asks
again; the first answer makes the host well. The rows of FailingHost are the truth, shared by every
process; each process reads them at most once a second, and only while something calls. A database that
is away hinders no call.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import random
import time
import uuid
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import transaction

from agents.actions import ActionFailed, HostAway
from agents.models import FailingHost
from config.lib import clock
from config.lib.threads import in_thread

log = logging.getLogger(__name__)

READ_EVERY_SECONDS = 1.0
FORGET_SECONDS = 600.0  # a failure longer ago than this is not in a row with the next one
LONGEST_AWAY_SECONDS = 120.0  # between two questions whether it is back
LONGEST_PLACE_SECONDS = 5.0  # that a call waits for its place when the host has come back

_Key = tuple[uuid.UUID, str]
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class Call:
    """One call. `answered`: set it once the host has answered, whatever it said."""

    workspace_id: uuid.UUID
    host: str
    place: str = ""
    row: FailingHost | None = None
    is_probe: bool = False
    answered: bool = False


@asynccontextmanager
async def calling(
    workspace_id: uuid.UUID, host: str, *, seconds: float = 30.0, place: str = ""
) -> AsyncIterator[Call]:
    """A call to `host` (name and port), which takes `seconds` at most. Raises HostAway where it is away,
    also where this call is the one that found it out and may be repeated. Without a host nothing is asked.

    `place`: what is called there, as people read it. What others are told of the host does not name it.
    """
    row = await _known(workspace_id, host) if host else None
    call = Call(workspace_id, host, place, row=row)
    await _ask(call, seconds)
    try:
        yield call
    except ActionFailed as error:
        if error.host:
            await _blame(call, error)
        elif call.answered or error.is_answer:
            await _heal(call)
        raise
    await _heal(call)


async def _ask(call: Call, seconds: float) -> None:
    row = call.row
    if row is None:
        return
    if row.open_until is None:
        if row.is_returning:
            wait = await _quietly(FailingHost.objects.take_place, row.pk)
            await asyncio.sleep(min(wait or 0.0, LONGEST_PLACE_SECONDS))
        return
    now = clock.reckoned()
    if row.open_until <= now:
        until = now + dt.timedelta(seconds=seconds + 5)
        taken = await _quietly(FailingHost.objects.take_probe, row.pk, now=now, until=until)
        call.is_probe = bool(taken)
    if not call.is_probe and row.open_until is not None:  # else another one has just found it well
        aim = f", to call {call.place}" if call.place else ""
        message = f"Waits for {row.name}, which is away{aim}. {row.error}"
        raise HostAway(message, host=row.host, until=row.open_until)


async def _blame(call: Call, error: ActionFailed) -> None:
    row = await _quietly(
        note_failure,
        call.workspace_id,
        error.host,
        error=_of_host(str(error), call),
        retry_after=error.retry_after,
        is_probe=call.is_probe and error.host == call.host,
    )
    if row:
        _remember(row)
        if row.open_until is not None and error.retryable:
            message = f"Waits for {row.name}, which is away. {error}"
            raise HostAway(message, host=row.host, until=row.open_until) from error


def _of_host(error: str, call: Call) -> str:
    """The error as all other runs that need the host may read it."""
    if not call.place:
        return error
    return error.replace(call.place, call.host.rpartition(":")[0] or call.host)


async def _heal(call: Call) -> None:
    row = call.row
    if row is None or not (row.failures or row.open_until):
        return
    if await _quietly(FailingHost.objects.heal, row.pk):
        row.is_returning = row.is_returning or row.open_until is not None
        row.failures, row.open_until = 0, None
        log.info("a host answers again", extra={"host": row.host})


def note_failure(
    workspace_id: uuid.UUID,
    host: str,
    *,
    error: str,
    retry_after: float | None = None,
    is_probe: bool = False,
) -> FailingHost:
    """One more failure in a row; answers the row, whose `open_until` says whether the host is away now."""
    now = clock.now()
    with transaction.atomic():
        fresh = FailingHost(workspace_id=workspace_id, host=host[:300])
        FailingHost.objects.bulk_create([fresh], ignore_conflicts=True)
        rows = FailingHost.objects.select_for_update()
        row = rows.get(workspace_id=workspace_id, host=host[:300])
        is_new = row.failed_at is None or now - row.failed_at > dt.timedelta(seconds=FORGET_SECONDS)
        row.failures = 1 if is_new else row.failures + 1
        row.error, row.failed_at = error[:1000], now
        if row.open_until is None and row.failures >= settings.HOST_FAILURES:
            row.away_since, row.is_returning, row.trips = now, False, 0
            row.open_until = now + _wait(row, retry_after)
            log.warning("a host is away", extra={"host": host, "error": row.error})
        elif row.open_until is not None and is_probe:
            row.trips += 1
            row.open_until = now + _wait(row, retry_after)
        row.save()
    return row


def _wait(row: FailingHost, retry_after: float | None) -> dt.timedelta:
    """Doubling, with some jitter, never less than the host asked for."""
    longest = max(LONGEST_AWAY_SECONDS, settings.HOST_AWAY_SECONDS)
    seconds = min(settings.HOST_AWAY_SECONDS * 2 ** min(row.trips, 20), longest)
    seconds *= random.uniform(0.8, 1.2)  # noqa: S311
    return dt.timedelta(seconds=max(seconds, retry_after or 0.0))


# --- what this process knows ----------------------------------------------------------------------


class _Sight:
    """The failing hosts as one event loop has read them."""

    def __init__(self) -> None:
        self.rows: dict[_Key, FailingHost] = {}
        self.read_at = -READ_EVERY_SECONDS
        self.reading: asyncio.Task[None] | None = None

    async def read(self) -> None:
        try:
            rows = await in_thread(list, FailingHost.objects.all())
        except Exception:
            log.exception("the hosts that are away could not be read")
            return
        self.rows = {(row.workspace_id, row.host): row for row in rows}


_sights: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Sight] = weakref.WeakKeyDictionary()


async def _known(workspace_id: uuid.UUID, host: str) -> FailingHost | None:
    """The host's row where it fails, read at most a second ago; those who ask meanwhile wait for the same reading."""
    sight = _sights.setdefault(asyncio.get_running_loop(), _Sight())
    now = time.monotonic()
    if now - sight.read_at >= READ_EVERY_SECONDS:
        sight.read_at = now
        sight.reading = asyncio.create_task(sight.read())
    if sight.reading is not None and not sight.reading.done():
        await asyncio.shield(sight.reading)
    return sight.rows.get((workspace_id, host))


def _remember(row: FailingHost) -> None:
    _sights[asyncio.get_running_loop()].rows[row.workspace_id, row.host] = row


async def _quietly(ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """What the database says; None where it is away."""
    try:
        return await in_thread(ask, *args, **kwargs)
    except Exception:
        log.exception("what is known of a host could not be stored")
        return None
