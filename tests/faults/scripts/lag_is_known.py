"""The system knows how late it answers events: a synthetic one goes the way of any other, and when the scheduler, the
dispatcher or the agents process stops, there is one alert and one letter within two minutes, until it runs again.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping

from django.contrib.auth.models import User
from django.test import override_settings

from executions import canary
from executions.models import Alert
from tests.faults import rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_least, at_most, exactly, until
from triggers.models import Event

REAL = {"CANARY_SECONDS": "50", "CANARY_LIMIT_SECONDS": "60"}  # as they are by default
QUICK = {"CANARY_SECONDS": "1.5", "CANARY_LIMIT_SECONDS": "4"}
FULL = 300
TOLD, TOLD_QUICKLY = (
    120,
    10,
)  # seconds from the stop to the alert; the second with room for a busy machine
WELL = 30


@script.register("P29", small=5, full=FULL)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    """`size`: seconds for which all is well; from FULL on with the settings that are there by default. Two watch: a
    web process and a listener.
    """
    given = REAL if size >= FULL else QUICK
    within = TOLD if size >= FULL else TOLD_QUICKLY
    User.objects.create_superuser(f"root{chance.random()}", email="root@example.org")
    with override_settings(CANARY_SECONDS=float(given["CANARY_SECONDS"])):
        yield from _prove(ground, size, given, within)


def _prove(ground: Ground, size: int, given: Mapping[str, str], within: float) -> Iterator[Figure]:
    names = ("worker", "beat", "agents")
    running = dict(zip(names, ground.start(*names, through=given), strict=True))
    yield at_most("seconds until the first one is answered", until(_is_answered), 60)
    ground.start("web", "listener", "alone", through=given)
    slowest, seen = _watch(size)
    yield at_most("while all is well: seconds of the slowest one", slowest, 10)
    yield at_least("of so many", seen, int(size / float(given["CANARY_SECONDS"])) - 1)
    yield exactly("alerts", Alert.objects.count(), 0)
    for number, name in enumerate(names, start=1):
        running[name].stop()
        told = until(_is_alerted, seconds=within + 30)
        yield at_most(f"{name} stops: seconds until the alert", told, within)
        letters = until(lambda number=number: _letters(ground) == number, seconds=10)  # type: ignore[misc]  # bound
        yield at_most(f"{name} stops: seconds until its letter", letters, 10)
        yield exactly(f"{name} stops: alerts", Alert.objects.count(), number)
        Alert.objects.update(cause=f"{number}")  # else one letter an hour is all
        ground.start(name, through=given)
        well = until(lambda: not _is_alerted(), seconds=WELL)
        yield at_most(f"{name} runs again: seconds until it is closed", well, WELL)
    yield at_most("events that are kept", Event.objects.count(), canary.KEPT)
    yield exactly("events of people", rows.workspace().events.count(), 0)


def _watch(seconds: float) -> tuple[float, int]:
    """How long the slowest took, and how many there were."""
    over, took, found = threading.Event(), [0.0], set()
    timer = threading.Timer(seconds, over.set)
    timer.start()
    while not over.wait(0.2):
        for state in canary.states():
            took.append(state.latency or 0.0)
            found.add(state.finished_at)
    return max(took), len(found - {None})


def _is_answered() -> bool:
    return any(state.finished_at for state in canary.states())


def _is_alerted() -> bool:
    return Alert.objects.filter(resolved_at=None).exists()


def _letters(ground: Ground) -> int:
    folder = ground.place.root / "mail"
    return sum(path.read_text().count("Triggerfish itself needs") for path in folder.glob("*.log"))
