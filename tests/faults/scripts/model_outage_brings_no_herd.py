"""A language model that was away is not run over when it comes back, and nobody is blamed for its absence.

While it answers 500, runs that ask it are held and others go on; then it is back. From a thousand runs on, it is away
for ten minutes.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.agents.modelserver import Fault, Reply, Say, model_server
from tests.faults import rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure
from tests.faults.scripts.outage_brings_no_herd import LONG, SETTINGS, outlived


class _Brain:
    """Answers, or fails while it is away; remembers who asked and when. Each event says its own number."""

    def __init__(self) -> None:
        self.is_away = True
        self.times: list[float] = []
        self.calls: Counter[str] = Counter()

    def __call__(self, body: dict[str, Any]) -> Reply:
        self.times.append(time.monotonic())
        self.calls[str(body["messages"][-1]["content"])] += 1
        return Fault.SERVER_ERROR if self.is_away else Say("Fine.")


@script.register("P14", small=40, full=5_000, settings=SETTINGS)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    brain = _Brain()
    with model_server() as model:
        model.think = brain
        asks = rows.thinker("Asks a model", model.url("/v1"))
        # Forty calls in ten seconds are four a second: by chance alone one second may have three times as many.
        yield from outlived(ground, brain, asks, size, most=2 if size >= LONG else 3)
