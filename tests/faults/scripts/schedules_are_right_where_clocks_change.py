"""In every time zone, twenty expressions fire at the moments that an independent reading of the clock names.

Zones whose clocks did the same in the span share one comparison; the comparisons share the processors. Expressions that
fire every few minutes are compared within two days of each change of the clock, the others over the whole span.
"""

from __future__ import annotations

import datetime as dt
import multiprocessing
import os
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import takewhile
from zoneinfo import ZoneInfo

from tests.faults import script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_least, exactly
from tests.triggers import wall_clocks
from triggers import cron

Span = tuple[dt.datetime, dt.datetime]
FIRST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
YEARS = 3
NEAR = dt.timedelta(days=2)
ALWAYS = ("Australia/Lord_Howe", "Europe/Berlin")


@script.register("P17", small=2, full=1_000)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    """`size`: how many zones, at most; all there are in the full size. Few are looked at around changes only."""
    names = cron.zones()
    chosen = names if size >= len(names) else [*ALWAYS, *chance.sample(names, size)][:size]
    whole = FIRST, FIRST.replace(year=FIRST.year + YEARS)
    alike: dict[object, list[str]] = defaultdict(list)
    for name in chosen:
        alike[wall_clocks.history(ZoneInfo(name), *whole)].append(name)
    compare = partial(_tallied, whole=whole, everything=size >= len(names))
    context = multiprocessing.get_context("spawn")  # a fork would share our database connection
    with ProcessPoolExecutor(min(os.cpu_count() or 1, len(alike)), context) as pool:
        seen = sum(pool.map(compare, [zones[0] for zones in alike.values()]), Counter[str]())
    yield exactly("zones", sum(map(len, alike.values())), len(chosen))
    yield at_least("expressions", len(wall_clocks.CRONS), 20)
    yield at_least(f"fires compared, of {len(alike)} kinds of clocks", seen["fires"], 1000)
    yield exactly("slots twice", seen["twice"], 0)
    yield exactly("slots missing", seen["missing"], 0)
    yield exactly("slots that should not be", seen["wrong"], 0)


def _tallied(name: str, *, whole: Span, everything: bool) -> Counter[str]:
    seen: Counter[str] = Counter()
    for found, expected in _compared(name, whole, everything=everything):
        seen["fires"] += len(expected)
        seen["twice"] += len(found) - len(set(found))
        seen["missing"] += len(set(expected) - set(found))
        seen["wrong"] += len(set(found) - set(expected))
    return seen


def _compared(
    name: str, whole: Span, *, everything: bool
) -> Iterator[tuple[list[dt.datetime], list[dt.datetime]]]:
    zone = ZoneInfo(name)
    near = [(one - NEAR, one + NEAR) for one in wall_clocks.changes(zone, *whole)]
    near = near or [(FIRST, FIRST + NEAR)]
    for expression, told in wall_clocks.CRONS.items():
        is_near = not everything or expression in wall_clocks.DENSE
        for start, end in near if is_near else [whole]:
            yield _fires(expression, name, start, end), wall_clocks.moments(told, zone, start, end)


def _fires(expression: str, zone: str, start: dt.datetime, end: dt.datetime) -> list[dt.datetime]:
    found = cron.fires(cron.read(expression, zone), start)
    return list(takewhile(lambda moment: moment <= end, found))
