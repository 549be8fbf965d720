"""A whole installation lives with thirty connections to PostgreSQL, however many clients ask at once.

Two hundred clients send webhooks and read over REST at the same time; then an agents process does run after run while
webhooks go on. No process has more memory at any moment than soon after its first run, but for a bounded rest.
"""

from __future__ import annotations

import random
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from tests.faults import hooks, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_least, at_most, exactly, until
from tests.faults.tokens import token
from tests.faults.watch import CONNECTIONS, Watch

MAX_CONNECTIONS = 30
CLIENTS = {False: 40, True: 200}
LARGE = 1_000
PER_SECOND = 20  # webhooks beside the runs
FIRST_SECONDS = 2.0  # after the first run, over which memory is taken
MOST_MIB = 50


@script.register("P27", small=400, full=10_000, settings=hooks.NO_LIMITS)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    ground.restart_database(max_connections=str(MAX_CONNECTIONS))
    yield exactly("connections that PostgreSQL allows", _allowed(), MAX_CONNECTIONS)
    try:
        yield from _prove(ground, size)
    finally:
        ground.end()
        ground.restart_database()


def _prove(ground: Ground, size: int) -> Iterator[Figure]:
    clients = CLIENTS[size >= LARGE]
    trigger = hooks.listen(rows.agent("Works"))
    rows.listen(rows.agent("Is busy"), "busy")
    to, key = hooks.address(trigger, ground.url), token("read")
    processes = ground.start(*CONNECTIONS)
    until(lambda: hooks.send(to).status == 202, seconds=60)
    rows.happen("busy")
    until(lambda: rows.all_ended(2), seconds=60)

    def ask(number: int) -> int:
        if number % 2:
            return hooks.send(to).status
        return _status(f"{ground.url}/api/v1/executions?page_size=5", key)

    with Watch(processes, ground.address_of("DATABASE_URL"), every=0.2) as watch:
        time.sleep(FIRST_SECONDS)
        first = time.monotonic()
        with ThreadPoolExecutor(clients) as senders:
            statuses = Counter(senders.map(ask, range(clients * 5)))
        stream = hooks.Stream(to, per_second=PER_SECOND)
        done = _work(size)
        statuses.update(answer.status for answer in stream.stop())
    yield exactly("answers that are no success", set(statuses) - {200, 202}, set())
    yield at_least("answers", statuses.total(), clients * 5 + 1)
    yield at_most("seconds until all runs have ended", done, 120 + size / 50)
    promised = sum(CONNECTIONS.values()) + 1
    yield at_most("connections at the most, with that of this script", watch.connections, promised)
    added = watch.added(since=first, stretch=FIRST_SECONDS)
    yield exactly("kinds of processes that were watched", sorted(added), sorted(CONNECTIONS))
    for kind, mib in added.items():
        yield at_most(f"MiB added to {kind} since its first run, at the most", mib, MOST_MIB)
    refused = sum("too many clients" in log.read_text() for log in ground.logs())
    yield exactly("logs that speak of too many clients", refused, 0)
    until(lambda: rows.all_ended(1), seconds=60)
    yield exactly("what became of all", set(rows.statuses()), {"completed"})


def _work(count: int) -> float | None:
    before = rows.statuses(agent_name="Is busy")["completed"]
    rows.happen_at_once("busy", count)
    return until(
        lambda: rows.statuses(agent_name="Is busy")["completed"] >= before + count,
        seconds=120 + count / 50,
        every=0.3,
    )


def _allowed() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW max_connections")
        return int(cursor.fetchone()[0])


def _status(url: str, key: str) -> int:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
