"""While the database's disk is full, callers are told to come again; when there is room, all goes on by itself.

Nothing is accepted that is not stored. First no table can grow, then the log cannot either, and PostgreSQL gives up;
its supervisor (systemd, a restart policy) tries to start it twice a second, which succeeds once there is room.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from django.db import DatabaseError, connection

from tests.faults import disk, hooks, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_least, at_most, exactly, until
from triggers.models import Event

PER_SECOND = 30
SPARE_MIB = 48
MOST_LOGS = 30  # files of the log that PostgreSQL may have made before
LARGE = 60


@script.register(
    "P26", small=5, full=300, settings={**script.QUICK, **hooks.NO_LIMITS}, needs=disk.can_mount
)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    """`size`: seconds that the disk is full."""
    with disk.of_database(ground, spare_mib=SPARE_MIB) as small:
        try:
            yield from _prove(ground, small, size)
        finally:
            small.free()
            ground.end()


def _prove(ground: Ground, small: disk.SmallDisk, seconds: int) -> Iterator[Figure]:
    trigger = hooks.listen(rows.agent("Works"))
    to = hooks.address(trigger, ground.url)
    ground.start_all(revived=True)
    ground.start("web")
    until(lambda: hooks.send(to).status == 202, seconds=60)
    stream = hooks.Stream(to, per_second=PER_SECOND)
    until(lambda: len(stream.answers) >= PER_SECOND, seconds=30)
    small.fill()
    refused = until(lambda: _last(stream) == 503, seconds=60)
    yield at_most("seconds until callers are told to come again", refused, 60)
    supervisor = Supervisor(ground, small)
    began = time.monotonic()
    supervisor.look_on(began + seconds / 2)
    _begin_new_log()
    supervisor.look_on(began + seconds)
    yield exactly("starts of PostgreSQL that succeeded without room", supervisor.starts, 0)
    small.free()
    came = len(stream.answers)
    back = until(
        lambda: supervisor.looks() and 202 in {one.status for one in stream.answers[came + 8 :]},
        seconds=120,
        every=0.5,
    )
    yield at_most("seconds until webhooks are accepted again", back, 60)
    answers = stream.stop()
    statuses = Counter(answer.status for answer in answers)
    yield exactly(
        "answers that are neither accepted nor put off", set(statuses) - {202, 503}, set()
    )
    yield exactly("starts of PostgreSQL by its supervisor", supervisor.starts, 1)
    put_off = [answer for answer in answers if answer.status == 503]
    yield at_least("answers that were put off", len(put_off), 1)
    hasty = sum(not answer.retry_after.isdecimal() for answer in put_off)
    yield exactly("of them without Retry-After in seconds", hasty, 0)
    accepted = {answer.event_id for answer in answers if answer.status == 202}
    there = {str(pk) for pk in Event.objects.values_list("pk", flat=True)}
    yield exactly("accepted events that are not there", len(accepted - there), 0)
    count = len(there)
    done = until(lambda: _ended(count), seconds=180, every=0.3)
    yield at_most("seconds until all have run", done, 120)
    yield exactly("what became of all", dict(rows.statuses()), {"completed": count})


def _last(stream: hooks.Stream) -> int:
    return stream.answers[-1].status


def _begin_new_log() -> None:
    """PostgreSQL needs another file for its log when it has used those that it had made before, and gives up."""
    with suppress(DatabaseError), connection.cursor() as cursor:
        for _ in range(MOST_LOGS):
            cursor.execute("SELECT pg_switch_wal()")
            cursor.execute("SELECT pg_logical_emit_message(true, 'lab', 'one more line')")
    connection.close()


class Supervisor:
    """`starts`: how often it started PostgreSQL, and that answered."""

    def __init__(self, ground: Ground, small: disk.SmallDisk) -> None:
        self._ground, self._small = ground, small
        self.starts = 0

    def look_on(self, until_when: float) -> None:
        """While the disk stays full, whatever PostgreSQL gives back."""
        while time.monotonic() < until_when:
            self._small.fill()
            self.looks()
            time.sleep(0.5)

    def looks(self) -> bool:
        """Always true."""
        self.starts += self._ground.revive_database()
        return True


def _ended(count: int) -> bool:
    try:
        return rows.all_ended(count)
    except DatabaseError:  # it is on its way back
        return False
