"""How the parts of the installation are: database, broker, scheduler, worker, listener, told apart; and how late the
whole of them answers events (`executions.canary`).

Each is asked at the same time, in a thread, and at most PATIENCE_SECONDS are waited for all; an answer serves for a
second. What it says holds no secret: no address, no name of a host.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any, Literal

import redis
from django.conf import settings
from django.db import DatabaseError, connection

from config.lib import broker
from config.lib.probes import Probe, Silent
from executions import canary, heartbeats, statements
from executions.canary import State as Canary
from executions.heartbeats import GONE_SECONDS, SCHEDULER, TICK
from triggers import leases, sources
from triggers.leases import Overview

State = Literal["up", "degraded", "down", "unknown", "unused"]
PATIENCE_SECONDS = 1.0
LATE_SECONDS = (
    60.0  # all of it takes a second at most where all is well, however much there is to do
)
IDLE_SECONDS = 30.0  # one task may take this long, then the next tick has its turn
NEEDED_QUEUES = ("dispatch", "execute")
_BROKER_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Part:
    """`age_seconds`: since its last sign of life. `lag_seconds`: how late its work is; of a server, how long it took to
    answer. Null where nobody knows, or nothing waits.
    """

    status: State
    message: str
    age_seconds: float | None = None
    lag_seconds: float | None = None

    @property
    def works(self) -> bool:
        return self.status in ("up", "degraded", "unused")

    def told(self) -> dict[str, Any]:
        """For the wire, times to the millisecond."""
        rounded = {
            name: value if value is None else round(value, 3)
            for name, value in asdict(self).items()
            if name.endswith("_seconds")
        }
        return {"status": self.status, "message": self.message, **rounded}


@dataclass(frozen=True, slots=True)
class Lags:
    """Seconds; None where nothing waits. Of `crm.capture`: changes put aside, and whether ours are captured too."""

    took: float
    event: float | None
    run: float | None
    verdict: float | None
    schedule: float | None
    aside: int
    is_doubling: bool
    watched: Overview
    canaries: list[Canary]


def look(*, anew: bool = False) -> dict[str, Part]:
    """The parts by name. Takes a few milliseconds, at most a little more than PATIENCE_SECONDS.

    `anew`: what was heard within the last second is not enough.
    """
    for probe in (_database, _broker, _signs):
        probe.begin(anew=anew)
    database, lags = _database_part()
    signs, silence = _ages()
    scheduler = _scheduler_part(signs, lags) if signs is not None else silence
    worker = _worker_part(signs, lags, scheduler) if signs is not None else silence
    return {
        "database": database,
        "broker": _broker_part(),
        "scheduler": scheduler,
        "worker": worker,
        "listener": _listener_part(lags),
        "canary": _canary_part(lags),
    }


def is_ready() -> bool:
    """Whether the installation can do its work: what stops is noticed within GONE_SECONDS, what hangs within
    IDLE_SECONDS.
    """
    parts = look()
    parts.pop("listener")  # what is not received meanwhile waits at its source
    parts.pop("canary")  # who is late takes what comes all the same
    return all(part.works for part in parts.values())


def forget() -> None:
    """The next look asks everybody anew."""
    for probe in (_database, _broker, _signs):
        probe.forget()


def _ask_database() -> Lags:
    """On a connection of its own, which is closed again: the thread ends, and a broken one must not be kept."""
    began = time.monotonic()
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = {round(PATIENCE_SECONDS * 1000)}")
            cursor.execute("SELECT 1")
            took = time.monotonic() - began
        ((event, run, verdict, schedule, aside, doubling),) = statements.run("select_lags", {})
        watched = leases.overview(sources.watched())
        canaries = canary.states() if canary.is_on() else []
        return Lags(took, event, run, verdict, schedule, aside, doubling, watched, canaries)
    finally:
        connection.close()


def _listener_part(lags: Lags | None) -> Part:
    if lags is None:
        return Part("unknown", "The database does not answer, where listeners say that they live.")
    watched, age = lags.watched, lags.watched.silence_seconds
    if not watched.wanted:
        return Part("unused", "No trigger needs a listener.")
    if age is None or age > settings.LISTENER_SECONDS:
        return Part("down", _gone("No listener", age), age)
    if watched.failing:
        said = f"{watched.failing} of {watched.wanted} sources cannot be listened to."
        return Part("degraded", said, age)
    if watched.noted:
        said = f"{watched.noted} of {watched.wanted} sources are listened to with a note: see the status of triggers."
        return Part("degraded", said, age)
    return Part("up", f"{watched.working} of {watched.wanted} sources are listened to.", age)


def _canary_part(lags: Lags | None) -> Part:
    """The worst of the classes. `age_seconds`: since a synthetic event was answered."""
    if not canary.is_on():
        return Part("unused", "No synthetic events are sent.")
    if lags is None:
        return Part("unknown", "The database does not answer, where synthetic events are.")
    if not lags.canaries:
        return Part("unknown", "No synthetic event was sent yet.")
    worst = max(lags.canaries, key=lambda one: one.lag)
    if worst.is_late:
        said = f"Events are answered late: a synthetic one took or waits {worst.lag:.0f} s."
        return Part("degraded", said, worst.age, worst.lag)
    if worst.age is None:
        return Part("unknown", "No synthetic event was answered yet.", None, worst.lag)
    return Part("up", "A synthetic event was answered in time.", worst.age, worst.lag)


def _ask_broker() -> float:
    began = time.monotonic()
    with broker.connection(seconds=_BROKER_SECONDS) as asked:
        asked.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
    return time.monotonic() - began


_database: Probe[Lags] = Probe(_ask_database)
_broker: Probe[float] = Probe(_ask_broker)
_signs: Probe[dict[str, float]] = Probe(heartbeats.ages)


def _database_part() -> tuple[Part, Lags | None]:
    try:
        lags = _database.answer(patience=PATIENCE_SECONDS)
    except (DatabaseError, Silent) as error:
        return Part("down", _said("The database", error)), None
    return Part("up", "The database answers.", 0.0, lags.took), lags


def _broker_part() -> Part:
    try:
        took = _broker.answer(patience=PATIENCE_SECONDS)
    except Exception as error:  # noqa: BLE001 - each broker's client has errors of its own; all mean no
        return Part("down", _said("The broker", error))
    return Part("up", "The broker answers.", 0.0, took)


def _ages() -> tuple[dict[str, float] | None, Part]:
    """The signs of life; or None, and what is said instead."""
    try:
        return _signs.answer(patience=PATIENCE_SECONDS), Part("unknown", "")
    except (redis.RedisError, Silent):
        return None, Part("unknown", "Redis does not answer, where signs of life are kept.")


def _said(what: str, error: Exception) -> str:
    """Without the error's own text, which may hold addresses and names."""
    if isinstance(error, Silent):
        return f"{what} has been asked {error.seconds:.0f} s ago and does not answer."
    return f"{what} cannot be reached."


def _scheduler_part(signs: dict[str, float], lags: Lags | None) -> Part:
    age = signs.get(SCHEDULER)
    lag = lags.schedule if lags and settings.TRIGGERS_ENABLED else None
    if age is None or age > GONE_SECONDS:
        return Part("down", _gone("No scheduler (beat)", age), age, lag)
    if lag is not None and lag > LATE_SECONDS:
        return Part("degraded", f"A schedule has been due for {lag:.0f} s.", age, lag)
    return Part("up", "The scheduler runs.", age, lag)


def _worker_part(signs: dict[str, float], lags: Lags | None, scheduler: Part) -> Part:
    ages = [signs.get(queue) for queue in NEEDED_QUEUES]
    known = [age for age in ages if age is not None]
    age = max(known) if len(known) == len(ages) else None
    waits = [one for one in (lags.event, lags.run, lags.verdict) if one is not None] if lags else []
    lag = max(waits) if waits and settings.TRIGGERS_ENABLED else None
    for status, message in _troubles(signs, lag, scheduler) + _capture_troubles(lags):
        return Part(status, message, age, lag)
    return Part("up", "The workers run.", age, lag)


def _troubles(
    signs: dict[str, float], lag: float | None, scheduler: Part
) -> list[tuple[State, str]]:
    """What is wrong with the workers, the worst first."""
    found: list[tuple[State, str]] = [
        ("down", _gone(f"No worker of the queue {queue}", signs.get(queue)))
        for queue in NEEDED_QUEUES
        if _is_gone(signs.get(queue))
    ]
    if scheduler.works and (signs.get(TICK, IDLE_SECONDS + 1) > IDLE_SECONDS):
        found.append(("down", "Workers are there, but the last tick they did is too long ago."))
    if lag is not None and lag > LATE_SECONDS:
        found.append(("degraded", f"Work has been waiting for {lag:.0f} s and nobody took it."))
    if _is_gone(age := signs.get("alone")):
        found.append(("degraded", _gone("No worker of the queue alone", age)))
    return found


def _capture_troubles(lags: Lags | None) -> list[tuple[State, str]]:
    """Changes by other programs that are not told, and our own that are told twice."""
    found: list[tuple[State, str]] = []
    if lags and lags.is_doubling:
        said = "Connections have lost their mark: our own changes are captured too, and told twice."
        found.append(("degraded", f"{said} See docs/capture.md."))
    if lags and lags.aside:
        said = f"Changes of other programs that could not be told: {lags.aside}."
        found.append(("degraded", f"{said} See capture_writes status."))
    return found


def _is_gone(age: float | None) -> bool:
    return age is None or age > GONE_SECONDS


def _gone(who: str, age: float | None) -> str:
    return f"{who} has been seen." if age is None else f"{who} has been seen for {age:.0f} s."
