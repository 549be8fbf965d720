"""For half an hour one thing after the other breaks under a steady load: nothing is lost, comes twice or grows.

Contacts change, webhooks come and schedules fire each minute, half as much as this machine completes: that is measured
first, with the same load at full speed.
Each minute a process is killed, stopped or hangs, Redis is wiped, killed or hangs, PostgreSQL crashes or ends all
connections, or the network is cut. `size` is the seconds of it; before them the load runs a while alone, so that what
grows at the beginning has grown: imports, caches, connections.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection

from config.lib import clock
from crm.models import Contact
from executions.models import AgentStart, Execution, TriggerGate
from tests.faults import hooks, link, load, mishaps, peer, rows, script, tables
from tests.faults.ground import Ground
from tests.faults.processes import Process
from tests.faults.script import Figure, at_least, at_most, exactly, until
from tests.faults.watch import CONNECTIONS, Watch
from triggers.models import Event, Schedule

LARGE = 300
SETTINGS = {"LEASE_SECONDS": "5", "GRACE_SECONDS": "3", **hooks.NO_LIMITS}
SPARE_CONNECTIONS = 10  # for the load, this script, and those that nobody has closed yet
SCHEDULES = 10
FULL_SPEED, FULL_SPEED_SECONDS = 2_000, 8  # contacts a second, more than one machine changes
SLOWEST = 200  # events a second: a machine that does less tells nothing
CONTACT_SECONDS = (
    80  # until a contact's turn comes again: the loop guard allows 10 runs in 10 minutes
)
# Rows of history; a start is a row of 100 bytes for the limits, and is deleted after 50 hours.
GROW = ("triggers_event", "executions_execution", "executions_step", "executions_agentstart")
_Slots = dict[uuid.UUID, dt.datetime | None]


@dataclass(frozen=True)
class Scale:
    """`changes` and `webhooks` a second; 0 changes: half of what this machine completes."""

    changes: float
    webhooks: float
    every: float  # seconds between two mishaps
    bad: float  # seconds that one lasts: longer than a lease
    warm: float  # seconds of load before the first mishap
    grown: float  # age in seconds from which on a process's memory is to be flat: it has seen some mishaps
    stretch: float  # seconds over which memory is averaged
    growth: float  # times: how much it may grow from there on
    pace: float  # part of the load that has to be reached


SCALES = {  # small: beside the tests of other processes
    False: Scale(50, 5, every=4, bad=6, warm=3, grown=12, stretch=2, growth=4, pace=0.3),
    True: Scale(0, 40, every=60, bad=12, warm=120, grown=300, stretch=60, growth=1.1, pace=0.9),
}


@script.register(small=20, full=1_800, settings=SETTINGS)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    scale = SCALES[size >= LARGE]
    told = str(ground.place.root / "accepted-by-load")
    with (
        peer.running() as other,
        link.to(ground.address_of("DATABASE_URL")) as (wire, through),
    ):
        to, begun = _set_up(ground, other, scale), load.Accepted()
        first: _Slots = dict(Schedule.objects.values_list("pk", "next_slot_at"))
        processes = _start(ground, through)
        yield at_most("seconds until webhooks are accepted", _until_open(to), 60)
        deck = mishaps.Deck(ground, processes, wire, seconds=scale.bad, chance=chance)
        if not scale.changes:
            begun, rate = _at_full_speed(to, f"{told}-at-full-speed")
            scale = dataclasses.replace(scale, changes=rate / 2 - scale.webhooks)
            _contacts(round(scale.changes * CONTACT_SECONDS))
            yield at_least("events a second at full speed", round(rate), SLOWEST)
        asked = load.Asked("", scale.warm + size, scale.changes, scale.webhooks, to, told)
        everybody = [one for some in processes.values() for one in some]
        database = ground.address_of("DATABASE_URL")
        with (
            Watch(everybody, database, every=scale.stretch / 20) as watch,
            load.running(asked) as sender,
        ):
            before = _measured(scale)
            count = _break(deck, seconds=size, every=scale.every)
            yield at_least("mishaps", count, size // scale.every)
            ended = until(lambda: sender.poll() is not None, seconds=load.LATE_SECONDS + 120)
            yield at_most("seconds until the load ended", ended, load.LATE_SECONDS + 60)
        done = until(lambda: not _is_busy(), seconds=300, every=0.3)
        yield at_most("seconds until all have ended", done, 120)
        accepted = load.read(told)
        wanted = scale.changes + scale.webhooks
        yield at_least("events a second", accepted.per_second, wanted * scale.pace)
        accepted.batches |= begun.batches
        accepted.webhooks += begun.webhooks
        yield from _nothing_lost(accepted, first)
        yield exactly("orders that the peer knows", len(other.keys), _deliveries(accepted))
        yield from _nothing_grown(watch, before, scale)


def _set_up(ground: Ground, other: peer.Peer, scale: Scale) -> str:
    """Answers the address of the webhook."""
    _contacts(round(scale.changes * CONTACT_SECONDS) or FULL_SPEED * FULL_SPEED_SECONDS)
    asks_for = [{"field": "contact.email", "operator": "exists"}]
    rows.listen(rows.agent("Notes"), "contact_updated", conditions=asks_for)
    order = other.step("/order", method="POST", idempotent=True)
    trigger = hooks.listen(rows.agent("Orders", order, rows.NOTIFY))
    each_minute = {"cron_expression": "* * * * *", "catch_up": "all"}
    due = rows.agent("Is due")
    for number in range(SCHEDULES):
        rows.listen(due, "", name=f"Due {number}", trigger_type="cron", config=each_minute)
    this_minute = clock.now().replace(second=0, microsecond=0)
    Schedule.objects.update(next_slot_at=this_minute, next_fire_at=this_minute)
    return hooks.address(trigger, ground.url)


def _contacts(count: int) -> None:
    """So many in all."""
    owner = rows.workspace()
    for start in range(Contact.objects.count(), count, 1_000):
        Contact.objects.bulk_create(
            Contact(workspace=owner, email=f"soak{start + number}@example.org")
            for number in range(min(1_000, count - start))
        )


def _at_full_speed(to: str, told: str) -> tuple[load.Accepted, float]:
    """What a few seconds of more load than can be borne brought, and how many events a second until all had ended."""
    began = time.monotonic()
    with load.running(load.Asked("first-", FULL_SPEED_SECONDS, FULL_SPEED, 40, to, told)) as sender:
        sender.wait()
    until(lambda: not _is_busy(), seconds=300)
    accepted = load.read(told)
    count = len(accepted.batches) * load.BATCH + len(accepted.webhooks)
    return accepted, count / (time.monotonic() - began)


def _start(ground: Ground, through: str) -> dict[str, list[Process]]:
    """By kind; one of the two agents processes reaches the database through the wire."""
    kinds = ("worker", "alone", "beat", "listener", "web", "agents")
    processes = {kind: ground.start(kind, revived=True) for kind in kinds}
    wired = ground.start("agents", revived=True, through={"DATABASE_URL": through})
    processes["agents"] += wired
    return processes


def _until_open(to: str) -> float | None:
    return until(lambda: hooks.send(to, delivery="first").status == 202, seconds=60)


def _measured(scale: Scale) -> dict[str, tables.Table]:
    """The tables after a while in which everything has run."""
    time.sleep(scale.warm)
    until(lambda: TriggerGate.objects.count() == SCHEDULES + 2)
    return tables.measure(without=GROW)


def _break(deck: mishaps.Deck, *, seconds: float, every: float) -> int:
    """One mishap at each moment, while the load goes on; answers how many there were."""
    began = time.monotonic()
    for count, (name, happen) in enumerate(deck):
        due = began + count * every
        if due + every > began + seconds + 0.01:
            time.sleep(max(0.0, began + seconds - time.monotonic()))
            return count
        time.sleep(max(0.0, due - time.monotonic()))
        print(f"  {time.monotonic() - began:6.0f} s  {name}", flush=True)
        happen()
    raise AssertionError("a deck has no end")


def _is_busy() -> bool:
    """Something is on its way, or a schedule is due."""
    waits = ("queued", "running", "retrying")
    return (
        Event.objects.filter(state="new").exists()
        or Execution.objects.filter(status__in=waits).exists()
        or Schedule.objects.filter(next_fire_at__lte=clock.now()).exists()
    )


def _nothing_lost(accepted: load.Accepted, first: _Slots) -> Iterator[Figure]:
    rows.accepted.extend(map(uuid.UUID, accepted.webhooks))
    seen = _changes()
    yield at_least("changes that committed", sum(seen.values()), len(accepted.batches) * load.BATCH)
    wrong = sum(seen.get(batch, 0) != load.BATCH for batch in accepted.batches)
    yield exactly("accepted changes that are not there, or twice", wrong, 0)
    half = sum(count != load.BATCH for count in seen.values())
    yield exactly("changes of which a part is there", half, 0)
    delivered = Event.objects.filter(source="webhook").count()
    yield exactly("events of webhooks", delivered, _deliveries(accepted))
    yield exactly("schedules with a slot missed, or twice", _uneven(first), 0)
    due = Event.objects.filter(source="cron").count()
    total = sum(seen.values()) + delivered + due
    yield exactly("what became of all", dict(rows.statuses()), {"completed": total})
    counted = sum(TriggerGate.objects.values_list("total_executions", flat=True))
    yield exactly("ends that were counted", counted, total)
    starts = AgentStart.objects.filter(is_first=True).count()
    yield exactly("first starts in the log of the limits", starts, total)


def _deliveries(accepted: load.Accepted) -> int:
    return len(set(accepted.webhooks)) + 1  # that of _until_open


def _changes() -> dict[str, int]:
    """How many events each batch of changes has made."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT payload -> 'changes' -> 'title' ->> 'new', count(*) FROM triggers_event"
            " WHERE type = 'contact_updated' GROUP BY 1"
        )
        return dict(cursor.fetchall())


def _uneven(first: _Slots) -> int:
    """Schedules whose events are not those of each minute from the first one on, once each."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT schedule.trigger_id, min(event.occurred_at), count(event.id), count(DISTINCT event.occurred_at),
                EXTRACT(epoch FROM schedule.next_slot_at - min(event.occurred_at)) / 60
            FROM triggers_schedule AS schedule
            JOIN triggers_event AS event ON event.topic = 'cron:' || schedule.trigger_id
            GROUP BY schedule.trigger_id"""
        )
        return sum(
            (began, count, distinct) != (first[pk], minutes, minutes)
            for pk, began, count, distinct, minutes in cursor.fetchall()
        )


def _nothing_grown(watch: Watch, before: dict[str, tables.Table], scale: Scale) -> Iterator[Figure]:
    promised = sum(CONNECTIONS[one.kind] for one in watch.processes)
    yield at_most("database connections", watch.connections, promised + SPARE_CONNECTIONS)
    growth = watch.growth(warm=scale.grown, stretch=scale.stretch)
    if scale.growth < SCALES[False].growth:  # in a short run few live long enough
        kinds = {one.kind for one in watch.processes}
        yield exactly("kinds of processes whose memory was judged", set(growth), kinds)
    for kind, times in growth.items():
        yield at_most(
            f"memory of {kind} at the end of a life, times that before", times, scale.growth
        )
    now = tables.measure(without=GROW)
    yield exactly("rows that other tables gained", tables.rows_gained(before, now), {})
    yield at_most("MiB that other tables gained", tables.mib_gained(before, now), 10)
