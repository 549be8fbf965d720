"""Five seconds after a flood of updates every page shows what the database says, however its news got lost.

Runs start, end and are skipped while a browser shows the dashboard, the list of runs, and the dashboard through a wire
that is cut in the middle; other sockets read nothing at all. What makes them happens evenly over ten seconds; browser
and system share the machine, so the last run may end one later. At full size all of it comes twice, and the web
server does not grow.
"""

from __future__ import annotations

import random
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from executions.consumers import FAREWELL_SECONDS, SEND_SECONDS
from executions.models import Execution
from tests import chromium
from tests.faults import link, onlookers, rows, script
from tests.faults.ground import Ground
from tests.faults.onlookers import Idler, Onlookers
from tests.faults.processes import memory
from tests.faults.script import Figure, at_least, at_most, exactly, until
from triggers.models import Event

SKIPPED = 7  # runs of an event
UPDATES_OF_AN_EVENT = 3 + SKIPPED  # one more is queued, started and completed
CONVERGES_WITHIN = {False: 15, True: 5}  # seconds
LARGE = 5_000
SECONDS = {False: 2, True: 10}
SLOWEST = {False: 60, True: 11}  # with the last run
IDLERS = {False: 5, True: 50}
FEED, RUNS_OF_AN_EVENT, LIST = 25, 6, 50  # how much the pages show
GROWTH = 25  # MiB; what the first flood leaves in caches and in the allocator is not counted
KINDS = {"completed": "completed", "skipped": "skipped", "failed": "failed", "timed_out": "failed"}


@script.register(
    "P28", small=400, full=10_000, settings={"CHANNEL_CAPACITY": "100"}, needs=chromium.path
)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    rows.listen(rows.agent("Runs"), "flood")
    never = {"field": "number", "operator": "less_than", "value": 0}
    only_then = {"type": "rule", "logic": "AND", "rules": [never]}
    for number in range(SKIPPED):
        rows.listen(rows.agent(f"Stays {number}"), "flood", conditions=only_then)
    cookie = onlookers.session()
    ground.start_all()
    (web,) = ground.start("web")
    until(lambda: _answers(ground.url), seconds=60)
    with link.to(ground.url) as (wire, through):
        addresses = {
            "dashboard": f"{ground.url}/",
            "list of runs": f"{ground.url}/executions/",
            "dashboard whose socket was cut": f"{through}/",
        }
        with onlookers.looking(addresses, cookie=cookie) as people:
            idlers = [
                Idler(int(ground.url.rpartition(":")[2]), cookie=cookie)
                for _ in range(IDLERS[size >= LARGE])
            ]
            yield from _flood(size, wire)
            yield from _compare(people, addresses, large=size >= LARGE)
            if size >= LARGE:  # less than that may wait on the way, which holds some 100 KiB
                yield _let_go(idlers)
                before = memory(web)
                yield from _flood(size, wire)
                yield from _compare(people, addresses, large=size >= LARGE)
                grown = memory(web) - before
                yield at_most("MiB that the second flood added to the web server", grown, GROWTH)


def _let_go(idlers: list[Idler]) -> Figure:
    """Who begins to read before the server has given up is a slow reader, and stays."""
    time.sleep(SEND_SECONDS + FAREWELL_SECONDS + 1)
    with ThreadPoolExecutor(len(idlers)) as threads:
        ended = sum(threads.map(lambda idler: idler.was_let_go(seconds=10), idlers))
    return exactly("sockets that read nothing and were let go", ended, len(idlers))


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5):
            return True
    except OSError:
        return False


def _flood(size: int, wire: link.Link) -> Iterator[Figure]:
    """Evenly over the seconds; the wire is cut for a fifth of them."""
    large = size >= LARGE
    seconds, before, began = SECONDS[large], _updates(), time.monotonic()
    for share, act in ((0.4, wire.cut), (0.6, wire.join)):
        threading.Timer(seconds * share, act).start()
    batches, events = seconds * 10, size // UPDATES_OF_AN_EVENT
    for number in range(batches):
        rows.happen_at_once(
            "flood", events * (number + 1) // batches - events * number // batches, numbered=True
        )
        time.sleep(max(0.0, began + (number + 1) * seconds / batches - time.monotonic()))
    until(lambda: rows.all_ended((1 + SKIPPED) * len(rows.accepted)), seconds=120, every=0.2)
    took = time.monotonic() - began
    yield at_least("updates", _updates() - before, size)
    yield at_most("seconds in which they came", took, SLOWEST[large])


def _updates() -> int:
    ended = rows.statuses()
    return 3 * ended["completed"] + ended["skipped: condition_false"]


def _compare(people: Onlookers, addresses: dict[str, str], *, large: bool) -> Iterator[Figure]:
    """All pages at the same time. At the small size the tests of another process share the machine."""
    began, wanted, late = time.monotonic(), _wanted(addresses), CONVERGES_WITHIN[large]
    took: dict[str, float] = {}

    def are_equal() -> bool:
        for name in wanted.keys() - took.keys():
            shown = people.read(name)
            if all(shown[part] == value for part, value in wanted[name].items()):
                took[name] = time.monotonic() - began
        return len(took) == len(wanted)

    until(are_equal, seconds=60)
    for name in wanted:
        yield at_most(f"seconds until the {name} equals the database", took.get(name), late)
        shown = people.read(name)
        state = (shown["pulse"], "loaded anew" if shown["reloaded"] else "the same page")
        yield exactly("how it got there", state, ("live", "the same page"))


def _wanted(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    return {name: _list_of_runs() if "list" in name else _dashboard() for name in names}


def _list_of_runs() -> dict[str, Any]:
    return {"rows": _runs(Execution.objects.order_by("-id")[:LIST])}


def _dashboard() -> dict[str, Any]:
    ended = list(Execution.objects.values_list("status", "finished_at"))
    shown = {"queued": 0, "running": 0, "completed": 0, "failed": 0, "skipped": 0}
    counts = {**shown, **Counter(status for status, _ in ended)}
    minutes: dict[str, Counter[str]] = {}
    for status, at in ended:
        minutes.setdefault(f"{at:%H:%M}", Counter())[KINDS[status]] += 1
    totals = Counter(KINDS[status] for status, _ in ended)
    return {
        "counts": {status: str(number) for status, number in counts.items()},
        "feed": [
            [str(event.pk), _runs_of(event)] for event in Event.objects.order_by("-id")[:FEED]
        ],
        "bars": {at: dict(counts) for at, counts in minutes.items()},
        "legend": [f"{totals[kind]} {kind}" for kind in dict.fromkeys(KINDS.values())],
    }


def _runs_of(event: Event) -> list[list[str]]:
    first = Execution.objects.filter(event=event).order_by("listener_id", "replay_no")
    return _runs(sorted(first[:RUNS_OF_AN_EVENT], key=lambda run: run.pk))


def _runs(found: Any) -> list[list[str]]:
    return [[str(run.pk), run.status] for run in found]
