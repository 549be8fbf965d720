"""Old history goes while events come in: who writes hardly notices, and nothing that has not ended is deleted.

A worker deletes, as it does when beat wakes it; beat itself stays away, since it would end the old runs that are kept
in every state that is no end. At the full size an event takes at most twice as long as before, 95 of 100.
"""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from config.lib import wake
from executions.models import TERMINAL, Execution, Status, Step
from tests.faults import rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_least, at_most, exactly, until
from triggers.models import Event

OPEN = sorted(status.value for status in set(Status) - TERMINAL)
UNFINISHED_OF = 40  # one in so many of the old ones is in one of these, all alike
YOUNG_OF = 10  # one in so many is of today
LARGE, REST_SECONDS = 100_000, {False: 2.0, True: 60.0}  # over which an event is timed before
SMALL_MS = (
    250.0  # at the small size, of a few hundred, one burst is the 95th; then this is asked instead
)

_FILL = """
WITH history AS (
    SELECT number, now() - CASE WHEN number %% {young} = 0 THEN interval '1 hour' ELSE interval '40 days' END AS at
    FROM generate_series(1, %(size)s) AS number
), events AS (
    INSERT INTO triggers_event (
        id, workspace_id, type, topic, source, subject, dedupe_key, payload, actor, verified, occurred_at, recorded_at,
        root_id, depth, chain, correlation_id, state, attempts, executions_count, error
    )
    SELECT id, %(workspace)s, 'old', 'old', 'script', '', '', jsonb_build_object('text', repeat('x', 500)), 'system',
           true, at, at, id, 0, '[]', '', 'matched', 0, 1, ''
    FROM history, LATERAL (SELECT {id} AS id) AS made
    RETURNING id, occurred_at
), executions AS (
    INSERT INTO executions_execution (
        id, workspace_id, event_id, listener_id, trigger_name, agent_name, trigger_type, agent_version, replay_no,
        is_test, status, reason, trace, verdict, inputs, correlation_id, created_at, started_at, finished_at,
        error_message, attempt, losses, resumes, heartbeat, cancel_requested, worker, usage, lease, deadline_at
    )
    SELECT id, %(workspace)s, id, id, 'T', 'A', 'old', 1, 0, false,
           COALESCE(open, 'completed'), '', '[]', 'none_needed', '{{}}', '',
           occurred_at, occurred_at, CASE WHEN open IS NULL THEN occurred_at END, '', 1, 0, false, 0, false, '', '{{}}',
           CASE WHEN open = 'running' THEN id END, CASE WHEN open = 'running' THEN now() + interval '1 day' END
    FROM (
        SELECT id, occurred_at, CASE WHEN number %% {unfinished} = 0
            THEN (%(open)s::text[])[1 + number / {unfinished} %% cardinality(%(open)s::text[])] END AS open
        FROM (SELECT *, row_number() OVER () AS number FROM events) AS numbered
    ) AS events
    RETURNING id, created_at
)
INSERT INTO executions_step (
    id, execution_id, number, kind, effect, idempotency_key, state, request, error_message, attempt, started_at
)
SELECT id, id, 1, 'notify', 'none', id::text, 'done', jsonb_build_object('text', repeat('x', 200)), '', 1, created_at
FROM executions
"""
_ID = """(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint + number %% 1000), 12, '0') || '7'
    || lpad(to_hex(number %% 4096), 3, '0') || '8' || substr(md5(number::text), 1, 15))::uuid"""


@script.register("P25", small=2_000, full=340_000)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    rows.listen(rows.agent("Runs"), "sale")
    fill(size)
    unfinished = open_runs()
    yield exactly("states of old runs that are no end", sorted(set(unfinished.values())), OPEN)
    history, ended = old_rows(), old_ended()
    yield at_least("events, runs and steps of the history", history, 3 * size)
    ground.start("worker", "agents")
    rows.happen("sale", 50)
    rests = time.monotonic() + REST_SECONDS[size >= LARGE]
    at_rest = ingest(lambda: time.monotonic() >= rests)
    with pruning(minutes=0.5 + size / 20_000) as pruned:
        meanwhile = ingest(pruned.is_set)
    yield at_most("minutes until all was pruned", pruned.minutes, 0.5 + size / 20_000)
    base, now = p95(at_rest), p95(meanwhile)
    asked = 2 * base if size >= LARGE else SMALL_MS
    yield at_most(f"p95 of an event, ms (before: {base:.1f})", now, asked)
    left = open_runs()
    yield exactly("unfinished runs deleted", len(unfinished.keys() - left.keys()), 0)
    changed = sum(left.get(pk) != status for pk, status in unfinished.items())
    yield exactly("unfinished runs in another state", changed, 0)
    yield exactly("old ended runs left", old_ended(), 0)
    yield exactly(
        "rows deleted: ended runs, their events, their steps", history - old_rows(), 3 * ended
    )
    yield exactly("young events deleted", size // YOUNG_OF - young(), 0)
    happened = 50 + len(at_rest) + len(meanwhile)
    count = Event.objects.filter(type="sale").count()
    yield exactly("events lost", happened - count, 0)
    done = until(lambda: have_run(happened), seconds=120)
    yield at_most("seconds until all have run", done, 120)


def have_run(events: int) -> bool:
    """Asks for what is left as beat would each second: a wake-up may get lost, and here nobody else looks."""
    wake.dispatcher()
    wake.workers()
    return rows.all_ended(events, event__type="sale")


def fill(size: int) -> None:
    sql = _FILL.format(id=_ID, young=YOUNG_OF, unfinished=UNFINISHED_OF)
    with connection.cursor() as cursor:
        about: dict[str, Any] = {"size": size, "workspace": rows.workspace().pk, "open": OPEN}
        cursor.execute(sql, about)
        cursor.execute("ANALYZE triggers_event, executions_execution, executions_step")


def old_rows() -> int:
    """Events, runs and steps of the history, those of today too."""
    runs = Execution.objects.filter(event__type="old")
    steps = Step.objects.filter(execution__event__type="old")
    return Event.objects.filter(type="old").count() + runs.count() + steps.count()


def open_runs() -> dict[object, str]:
    """The old ones' states, by id."""
    of_old = Execution.objects.filter(event__type="old", status__in=OPEN)
    return dict(of_old.values_list("pk", "status"))


def old_ended(limit: int | None = None) -> int:
    """How many are left, as far as `limit`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT FROM executions_execution"
            " WHERE status = 'completed' AND finished_at < now() - interval '31 days' LIMIT %s) AS found",
            [limit],
        )
        return int(cursor.fetchone()[0])


def young() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM triggers_event"
            " WHERE type = 'old' AND occurred_at > now() - interval '1 day'"
        )
        return int(cursor.fetchone()[0])


class Pruned(threading.Event):
    minutes: float | None = None


@contextmanager
def pruning(*, minutes: float) -> Iterator[Pruned]:
    """A worker is woken to delete, and goes on by itself, until nothing is left to take or twice so long has passed."""
    done, asked_to = Pruned(), 120 * minutes

    def look() -> None:
        try:
            took = until(
                lambda: not old_ended(limit=1), seconds=asked_to, every=2 if minutes > 1 else 0.1
            )
            done.minutes = None if took is None else took / 60
        finally:
            connection.close()
            done.set()

    thread = threading.Thread(target=look)
    wake.pruner()
    thread.start()
    yield done
    thread.join()


def ingest(is_over: Callable[[], bool]) -> list[float]:
    """Commits about a hundred events a second, each by itself; milliseconds of each."""
    took, pause = [], threading.Event()
    while not is_over():
        start = time.perf_counter()
        rows.happen("sale")
        took.append((time.perf_counter() - start) * 1000)
        pause.wait(0.008)
    return took


def p95(took: list[float]) -> float:
    return statistics.quantiles(took, n=20)[-1] if len(took) > 1 else 0.0
