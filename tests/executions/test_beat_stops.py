"""The scheduler ends when it is told to: at rest, in the middle of a query, and while it starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection
from django_celery_beat.models import PeriodicTask
from psycopg import sql

from config.up.place import REPOSITORY
from executions import beat, heartbeats
from tests import programs
from tests.executions.ticking import TICK
from tests.listeners import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
_WAITS = """
    SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')
"""


@contextmanager
def scheduler() -> Iterator[subprocess.Popen[bytes]]:
    """A beat; it may not tick yet."""
    beat.ensure_entries()
    url = urlsplit(os.environ["DATABASE_URL"])
    database = urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}"))
    with subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "config", "beat", "--pidfile="],
        cwd=REPOSITORY,
        env={**os.environ, "DATABASE_URL": database},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def locked(table: str) -> Iterator[None]:
    """No query gets at it meanwhile."""
    with programs.connect() as other, other.transaction():
        other.execute(
            sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(table))
        )
        yield


def wait_for_ticks() -> None:
    """Ticks of which it has not written when yet."""
    heartbeats._client().flushdb()
    wait_until(lambda: heartbeats.SCHEDULER in heartbeats.ages())
    threading.Event().wait(2.5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once(number: signal.Signals) -> None:
    with scheduler() as process:
        wait_for_ticks()
        process.send_signal(number)
        assert process.wait(10) == 0
    assert PeriodicTask.objects.get(name=TICK).total_run_count > 0


def test_it_ends_in_the_middle_of_a_query() -> None:
    with scheduler() as process:
        wait_for_ticks()
        with locked("django_celery_beat_periodictasks"):
            wait_until(_somebody_waits)
            process.send_signal(signal.SIGTERM)
            threading.Event().wait(1)
        assert process.wait(20) == 0


def test_it_ends_while_it_reads_its_entries_for_the_first_time() -> None:
    with scheduler() as process, locked("django_celery_beat_periodictask"):
        wait_until(_somebody_waits)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_WAITS)
        return bool(cursor.fetchone()[0])
