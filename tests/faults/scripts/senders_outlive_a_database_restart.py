"""While PostgreSQL crashes and comes back, senders of webhooks are told to come again, and what was accepted is there.

Fifty webhooks a second come all the while.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

from tests.faults import hooks, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_least, at_most, exactly, until
from triggers.models import Event

PER_SECOND = 50
FULL = 3  # restarts


@script.register("P5", small=1, full=FULL, settings={**script.QUICK, **hooks.NO_LIMITS})
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    trigger = hooks.listen(rows.agent("Works"))
    to = hooks.address(trigger, ground.url)
    ground.start_all(revived=True)
    ground.start("web")
    until(lambda: hooks.send(to).status == 202, seconds=60)
    stream = hooks.Stream(to, per_second=PER_SECOND)
    for _ in range(size):
        _wait_for(stream, len(stream.answers) + PER_SECOND)
        ground.restart_database()
    last = len(stream.answers)
    back = until(lambda: any(one.status == 202 for one in stream.answers[last + 8 :]), seconds=60)
    yield at_most("seconds until webhooks are accepted again", back, 15)
    answers = stream.stop()
    # Beside other tests, as at the small size, each answer takes longer.
    yield at_least("webhooks a second", stream.pace, 0.9 * PER_SECOND if size >= FULL else 10)
    statuses = Counter(answer.status for answer in answers)
    yield exactly(
        "answers that are neither accepted nor put off", set(statuses) - {202, 503}, set()
    )
    put_off = [answer for answer in answers if answer.status == 503]
    yield at_least("answers that were put off", len(put_off), 1)
    yield exactly(
        "of them without Retry-After", sum(not answer.retry_after for answer in put_off), 0
    )
    accepted = {answer.event_id for answer in answers if answer.status == 202}
    there = {str(pk) for pk in Event.objects.values_list("pk", flat=True)}
    yield exactly("accepted events that are not there", len(accepted - there), 0)
    count = Event.objects.count()
    done = until(lambda: rows.all_ended(count), seconds=120)
    yield at_most("seconds until all have run", done, 90)
    yield exactly("what became of all", dict(rows.statuses()), {"completed": count})


def _wait_for(stream: hooks.Stream, answers: int) -> None:
    until(lambda: len(stream.answers) >= answers, seconds=30)
