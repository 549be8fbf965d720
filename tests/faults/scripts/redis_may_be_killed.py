"""While Redis is down, saves and webhooks succeed as quickly as ever; when it is back, empty, work goes on.

`size` is how many seconds it is down; contacts are saved and webhooks are sent, signed and unsigned, all the while.
"""

from __future__ import annotations

import random
import statistics
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator

from crm.models import Contact
from tests.faults import hooks, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_least, at_most, exactly, until

EVERY_SECONDS = 0.1
PER_SECOND = {"signed": 2, "unsigned": 1}  # webhooks


@script.register("P4", small=2, full=600, settings=hooks.NO_LIMITS)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    return outlive(ground, size, name="Redis", kill=ground.kill_redis, start=ground.start_redis)


def outlive(
    ground: Ground, size: int, *, name: str, kill: Callable[[], None], start: Callable[[], None]
) -> Iterator[Figure]:
    """What holds while any broker is down, and afterwards."""
    rows.listen(rows.agent("Greets"), "contact_created")
    to = {kind: _address(ground, kind) for kind in PER_SECOND}
    ground.start("web", revived=True)
    ground.start_all(revived=True)
    for kind, address in to.items():
        until(lambda to=address, kind=kind: _is_accepted(to, kind))  # type: ignore[misc]
    save()
    early = len(to) + 1
    yield at_most("seconds until the first runs", until(lambda: rows.all_ended(early)), 30)
    kill()
    streams = {
        kind: hooks.Stream(address, per_second=PER_SECOND[kind], senders=2, is_signed=_signs(kind))
        for kind, address in to.items()
    }
    took = []
    until_back = time.monotonic() + size
    while time.monotonic() < until_back:
        took.append(save())
        time.sleep(EVERY_SECONDS)
    answers = {kind: stream.stop() for kind, stream in streams.items()}
    start()
    total = early + len(took) + sum(map(len, answers.values()))
    done = until(lambda: rows.all_ended(total), seconds=120)
    yield at_most(f"a save without {name}, 95 of 100, in milliseconds", percentile(took, 95), 200)
    for kind, some in answers.items():
        yield from _all_accepted(f"{kind} webhooks without {name}", some, size * PER_SECOND[kind])
    yield at_most("seconds from its return to the last end", done, 30)
    yield exactly("what became of all", dict(rows.statuses()), {"completed": total})
    yield exactly("processes that gave up", ground.deaths, 0)


def save() -> float:
    """Saves a contact; answers how many milliseconds that took. Raises what the save raises: it may not."""
    contact = Contact(workspace=rows.workspace(), first_name="Ann")
    began = time.perf_counter()
    contact.save()
    return (time.perf_counter() - began) * 1000


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


def _signs(kind: str) -> bool:
    return kind == "signed"


def _address(ground: Ground, kind: str) -> str:
    who = rows.agent(f"Takes {kind} webhooks")
    return hooks.address(hooks.listen(who, is_signed=_signs(kind)), ground.url)


def _is_accepted(to: str, kind: str) -> bool:
    return hooks.send(to, is_signed=_signs(kind)).status == 202


def _all_accepted(name: str, answers: list[hooks.Answer], meant: float) -> Iterator[Figure]:
    """And so quickly that about as many came as were `meant`. `verify_invariants` looks for the events of all."""
    rows.accepted.extend(uuid.UUID(one.event_id) for one in answers if one.status == 202)
    yield at_least(name, len(answers), meant * 0.9)
    statuses = dict(Counter(one.status for one in answers))
    yield exactly(f"{name}, by their answers", statuses, {202: len(answers)})
    yield at_most(f"{name}, 95 of 100, in milliseconds", hooks.p95(answers) * 1000, 200)
