"""A provider that was away is not run over when it comes back, and nobody is blamed for its absence.

While it answers 503, runs that need it are held and others go on; then it is back. From a thousand runs on, it is
away for ten minutes.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from agents.models import Agent
from executions.models import Alert, AlertKind, Execution
from tests.faults import peer, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until

OTHERS = 20
LONG = 1_000  # runs, from which on it is away for as long as the promise says
AWAY_SECONDS = {False: 5.0, True: 600.0}
SETTINGS = {"HOST_AWAY_SECONDS": "2", "HOST_RETURN_SECONDS": "10"}


class Provider(Protocol):
    """Somebody outside who may be away; `calls` by what asked, `times` of the monotonic clock."""

    is_away: bool
    times: list[float]
    calls: Counter[str]


@script.register("P14", small=60, full=5_000, settings=SETTINGS)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    with peer.running() as other:
        asks = rows.agent("Asks a provider", other.step("/provider?run=@event.id"))
        yield from outlived(ground, other, asks, size)


def outlived(
    ground: Ground, provider: Provider, asks: Agent, size: int, *, most: float = 2
) -> Iterator[Figure]:
    """What becomes of so many runs of an agent whose provider is away, and then is back.

    `most`: the busiest second may have so many times the mean.
    """
    provider.is_away = True
    trigger = rows.listen(asks, "asked", failure_threshold=5)
    rows.listen(rows.agent("Asks nobody"), "elsewhere")
    ground.start_all(agents=2)
    rows.happen_at_once("asked", size, numbered=True)
    held = until(lambda: Execution.objects.held().count() == size, seconds=60 + size / 20)
    yield at_most("seconds until all are held", held, 60 + size / 20)
    rows.happen("elsewhere", OTHERS)
    quick = until(lambda: _completed() == OTHERS, seconds=30)
    yield at_most("seconds that others take meanwhile", quick, 10)
    threading.Event().wait(AWAY_SECONDS[size >= LONG])
    provider.is_away, provider.times = False, []
    until(lambda: _completed() == OTHERS + size, seconds=180 + size / 20)
    yield exactly("what became of all", dict(rows.statuses()), {"completed": OTHERS + size})
    yield at_most("calls of one run", max(provider.calls.values()), 3)
    yield at_most("peak second over the mean", _herd(provider.times[1:]), most)
    trigger.refresh_from_db()
    blamed: Any = (trigger.status, trigger.gate.consecutive_failures)
    yield exactly("the trigger", blamed, ("active", 0))
    told = Alert.objects.filter(kind=AlertKind.HOST_AWAY)
    until(lambda: not told.filter(resolved_at=None).exists(), seconds=10)
    open_ones = told.filter(resolved_at=None).count()
    yield exactly("alerts, and those still open", (told.count(), open_ones), (1, 0))


def _completed() -> int:
    return rows.statuses()["completed"]


def _herd(times: Sequence[float]) -> float:
    """The most calls in any one second, over the mean of all; `times` without the one that was sent ahead."""
    most, first = 0, 0
    for number, at in enumerate(times):
        while at - times[first] >= 1:
            first += 1
        most = max(most, number - first + 1)
    return most / (len(times) / max(times[-1] - times[0], 1))
