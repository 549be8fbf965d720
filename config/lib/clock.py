"""What time it is: the database's clock, the one clock that every process shares."""

from __future__ import annotations

import asyncio
import datetime as dt
import time

from django.db import connection

_read: tuple[float, dt.datetime] | None = None  # (monotonic, the database's time then)
_FRESH_SECONDS = 60.0


def now() -> dt.datetime:
    """The database's wall clock, aware, in UTC. One round trip: read it once per batch and pass it on."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (value,) = cursor.fetchone()
    return observed(value)


def observed(value: dt.datetime) -> dt.datetime:
    """A reading of the database's clock that came along with another query; answers it in UTC."""
    global _read  # noqa: PLW0603 - the last reading of this process
    answer = value.astimezone(dt.UTC)
    _read = (time.monotonic(), answer)
    return answer


def reckoned() -> dt.datetime:
    """The database's time carried on by this process's monotonic clock, without a round trip; for
    times that people read.

    Jumps of the machine's own clock do not matter. Where the last reading is older than a minute, it is taken anew,
    except inside an event loop, which must not wait for the database: there any reading will do.
    """
    if _read is None or (time.monotonic() - _read[0] > _FRESH_SECONDS and not _in_event_loop()):
        return now()
    return _read[1] + dt.timedelta(seconds=time.monotonic() - _read[0])


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
