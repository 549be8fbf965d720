"""Old history goes while events come in: who writes hardly notices, and nothing that has not ended is deleted."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from executions import prune
from executions.models import Execution
from tests.faults import rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until
from triggers.models import Event

UNFINISHED_OF = 100  # one in so many of the old ones waits for a person
YOUNG_OF = 10  # one in so many is of today
TRIVIAL_MS = 25.0  # nobody notices less, whatever the ratio
FEW, FEW_MS = 500, 250.0  # of so few, one burst is the 95th; then this is asked instead

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
        error_message, attempt, losses, resumes, heartbeat, cancel_requested, worker, usage
    )
    SELECT id, %(workspace)s, id, id, 'T', 'A', 'old', 1, 0, false,
           CASE WHEN waits THEN 'waiting_approval' ELSE 'completed' END, '', '[]', 'none_needed', '{{}}', '',
           occurred_at, occurred_at, CASE WHEN NOT waits THEN occurred_at END, '', 1, 0, false, 0, false, '', '{{}}'
    FROM (SELECT *, row_number() OVER () %% {unfinished} = 0 AS waits FROM events) AS events
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


@script.register(small=2_000, full=75_000)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    rows.listen(rows.agent("Runs"), "sale")
    fill(size)
    unfinished = set(
        Execution.objects.filter(status="waiting_approval").values_list("pk", flat=True)
    )
    ground.start("worker", "agents")
    rows.happen("sale", 50)
    at_rest = ingest(seconds=2 + size / 20_000)
    with pruning() as pruned:
        meanwhile = ingest(until_set=pruned)
    yield at_most("minutes until all was pruned", pruned.minutes, 0.5 + size / 20_000)
    base, now = p95(at_rest), p95(meanwhile)
    asked = max(2 * base, TRIVIAL_MS) if len(meanwhile) >= FEW else FEW_MS
    yield at_most(f"p95 of an event, ms (before: {base:.1f})", now, asked)
    left = Execution.objects.filter(status="waiting_approval").values_list("pk", flat=True)
    yield exactly("unfinished runs deleted", len(unfinished - set(left)), 0)
    yield exactly("old ended runs left", old_ended(), 0)
    yield exactly("young events deleted", size // YOUNG_OF - young(), 0)
    happened = 50 + len(at_rest) + len(meanwhile)
    count = Event.objects.filter(type="sale").count()
    yield exactly("events lost", happened - count, 0)
    ended = until(lambda: rows.all_ended(happened, event__type="sale"), seconds=120)
    yield at_most("seconds until all have run", ended, 120)


def fill(size: int) -> None:
    sql = _FILL.format(id=_ID, young=YOUNG_OF, unfinished=UNFINISHED_OF)
    with connection.cursor() as cursor:
        cursor.execute(sql, {"size": size, "workspace": rows.workspace().pk})
        cursor.execute("ANALYZE triggers_event, executions_execution, executions_step")


def old_ended() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM executions_execution"
            " WHERE status = 'completed' AND finished_at < now() - interval '31 days'"
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
def pruning() -> Iterator[Pruned]:
    """Pass after pass in a thread, as the workers would, until nothing is left to take."""
    done = Pruned()

    def work() -> None:
        began = time.monotonic()
        try:
            while prune.prune():
                continue
            done.minutes = (time.monotonic() - began) / 60
        finally:
            connection.close()
            done.set()

    thread = threading.Thread(target=work)
    thread.start()
    yield done
    thread.join()


def ingest(*, seconds: float = 0.0, until_set: threading.Event | None = None) -> list[float]:
    """Commits about a hundred events a second, each by itself; milliseconds of each."""
    took, began, pause = [], time.monotonic(), threading.Event()
    while not until_set.is_set() if until_set else time.monotonic() - began < seconds:
        start = time.perf_counter()
        rows.happen("sale")
        took.append((time.perf_counter() - start) * 1000)
        pause.wait(0.008)
    return took


def p95(took: list[float]) -> float:
    return statistics.quantiles(took, n=20)[-1] if len(took) > 1 else 0.0
