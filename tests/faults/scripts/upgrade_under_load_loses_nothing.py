"""An upgrade as docs/deployment.md has it, while webhooks come in: callers wait a moment, and nothing is lost.

The workers stop, `migrate` applies the migrations of `tests.faults.upgrade` to the two largest tables, full of history,
the two web servers restart one after the other, the workers start. Somebody's long query reads those tables all the
while, and nobody waits behind a migration that waits for it.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.test.utils import override_settings

from tests.faults import hooks, rows, script
from tests.faults.ground import Ground
from tests.faults.processes import Process
from tests.faults.script import Figure, at_least, at_most, exactly, until
from triggers.models import Event

PER_SECOND = 50
SENDERS = 32  # the pace is kept while answers take half a second
ROUNDS = {False: 1, True: 4}
READ_SECONDS = {False: 4.0, True: 20.0}
LARGE = 50_000
WORKERS = ("beat", "worker", "alone", "agents")
UPGRADE = {"faults": "tests.faults.upgrade.migrations"}
SETTINGS = {**hooks.NO_LIMITS, "QUEUE_LIMIT": "10000000", "GRACE_SECONDS": "2"}


@script.register("P30", small=2_000, full=200_000, settings=SETTINGS)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    trigger = hooks.listen(rows.agent("Works"))
    rows.listen(rows.agent("Was busy"), "once")
    workers = ground.start(*WORKERS)
    webs = [*ground.start("web"), *ground.start("web", address=ground.second)]
    to = [hooks.address(trigger, url) for url in (ground.url, str(ground.second))]
    until(lambda: {hooks.send(one).status for one in to} == {202}, seconds=60)
    rows.happen_at_once("once", size)
    filled = until(lambda: rows.all_ended(size), seconds=120 + size / 100, every=0.5)
    yield at_most("seconds until there is a history", filled, 120 + size / 100)
    stream = hooks.Stream(*to, per_second=PER_SECOND, senders=SENDERS)
    try:
        with override_settings(MIGRATION_MODULES=UPGRADE):
            applied = 0
            for _ in range(ROUNDS[size >= LARGE]):
                _stop(workers)
                with _reading(READ_SECONDS[size >= LARGE]):
                    _migrate()
                    applied += len(_applied())
                webs = [_restarted(ground, one, to) for one in webs]
                workers = ground.start(*WORKERS)
                call_command("migrate", "faults", "zero", verbosity=0)
        yield at_least("migrations that were applied", applied, 3 * ROUNDS[size >= LARGE])
        answers = stream.stop()
        # Beside other tests, as at the small size, each answer takes longer.
        yield at_least("webhooks a second", stream.pace, 0.9 * PER_SECOND if size >= LARGE else 10)
        yield from _nothing_lost(answers)
    finally:
        stream.stop()
        ground.end()
        with override_settings(MIGRATION_MODULES=UPGRADE):
            call_command("migrate", "faults", "zero", verbosity=0)
    yield exactly("columns that stay", _columns(), 0)


def _migrate() -> None:
    call_command("migrate", interactive=False, verbosity=0)


def _nothing_lost(answers: list[hooks.Answer]) -> Iterator[Figure]:
    statuses = Counter(answer.status for answer in answers)
    wrong = sum(count for status, count in statuses.items() if status != 202)
    yield at_most("answers that are no success, in a thousand", wrong * 1000 / len(answers), 1)
    yield at_most("the slowest answer, in seconds", max(one.seconds for one in answers), 5)
    accepted = {answer.event_id for answer in answers if answer.status == 202}
    there = {str(pk) for pk in Event.objects.values_list("pk", flat=True)}
    yield exactly("accepted events that are not there", len(accepted - there), 0)
    count = Event.objects.count()
    done = until(lambda: rows.all_ended(count), seconds=120)
    yield at_most("seconds until all have run", done, 90)
    yield exactly("what became of all", dict(rows.statuses()), {"completed": count})


def _stop(processes: list[Process]) -> None:
    for process in processes:
        process.stop()
    until(lambda: not any(one.is_alive() for one in processes), seconds=60)


def _restarted(ground: Ground, web: Process, to: list[str]) -> Process:
    """The other one answers meanwhile."""
    _stop([web])
    (again,) = ground.start("web", address=web.address)
    until(lambda: all(hooks.send(one).status == 202 for one in to), seconds=60)
    return again


@contextmanager
def _reading(seconds: float) -> Iterator[None]:
    """A transaction that has read both tables and lasts so long."""
    has_read = threading.Event()

    def read() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    "SELECT (SELECT count(*) FROM triggers_event), (SELECT count(*) FROM executions_execution)"
                )
                has_read.set()
                cursor.execute("SELECT pg_sleep(%s)", [seconds])
        finally:
            connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    has_read.wait(60)
    began = time.monotonic()
    yield
    reader.join(max(0.0, seconds + 5 - (time.monotonic() - began)))


def _applied() -> list[object]:
    return [key for key in MigrationRecorder(connection).applied_migrations() if key[0] == "faults"]


def _columns() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM information_schema.columns WHERE column_name = 'added'"
        )
        return int(cursor.fetchone()[0])
