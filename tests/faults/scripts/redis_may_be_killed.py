"""While Redis is down, saves succeed as quickly as ever; when it is back, with nothing in it, work goes on.

`size` is how many seconds it is down; contacts are saved all the while.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator

from crm.models import Contact
from tests.faults import rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until

EVERY_SECONDS = 0.1


@script.register(small=2, full=600)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    rows.listen(rows.agent("Greets"), "contact_created")
    ground.start_all(revived=True)
    save()
    yield at_most("seconds until the first run", until(lambda: rows.all_ended(1)), 30)
    ground.kill_redis()
    took = []
    until_back = time.monotonic() + size
    while time.monotonic() < until_back:
        took.append(save())
        time.sleep(EVERY_SECONDS)
    ground.start_redis()
    done = until(lambda: rows.all_ended(len(took) + 1), seconds=120)
    yield at_most("a save without Redis, 95 of 100, in milliseconds", percentile(took, 95), 200)
    yield at_most("seconds from its return to the last end", done, 30)
    yield exactly("what became of all", dict(rows.statuses()), {"completed": len(took) + 1})
    yield exactly("processes that gave up", ground.deaths, 0)


def save() -> float:
    """Saves a contact; answers how many milliseconds that took."""
    contact = Contact(workspace=rows.workspace(), first_name="Ann")
    began = time.perf_counter()
    contact.save()
    return (time.perf_counter() - began) * 1000


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]
