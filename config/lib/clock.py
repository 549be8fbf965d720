"""What time it is: the database's clock, the one clock that every process shares."""

from __future__ import annotations

import datetime as dt

from django.db import connection


def now() -> dt.datetime:
    """The database's wall clock, aware, in UTC. One round trip: read it once per batch and pass it on."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (value,) = cursor.fetchone()
    return value.astimezone(dt.UTC)
