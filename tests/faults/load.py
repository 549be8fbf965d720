"""A steady load from outside, in a process of its own: `python -m tests.faults.load '{"seconds": 1800, ...}'`.

Contacts are changed through the models and signed webhooks are posted, each at its moment, whatever became of those
before: what an outage held up is made up for afterwards. A webhook is posted again, with its delivery's id, until it is
accepted; a batch of changes is not tried again. What was accepted is written down as it is: `change 17` is the batch of
contacts whose title became 17, `webhook <event id>` an answer. The last line is `ended <seconds>`.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import django

from config.up.place import REPOSITORY
from tests.faults.script import until

BATCH = 25  # contacts that change in one transaction
LATE_SECONDS = 30.0  # that the load may end late
_SENDERS = 16


@dataclass(frozen=True)
class Asked:
    """`changes` and `webhooks`: how many of them a second. `told`: the file for what was accepted. `name` stands before
    the numbers of all that it does, so that one load is told from another.
    """

    name: str
    seconds: float
    changes: float
    webhooks: float
    to: str
    told: str

    @property
    def batches(self) -> int:
        return round(self.seconds * self.changes / BATCH)

    @property
    def deliveries(self) -> int:
        return round(self.seconds * self.webhooks)


@dataclass
class Accepted:
    """What the file says, read when the load has ended. `seconds`: how long all of it took."""

    batches: set[str] = field(default_factory=set)
    webhooks: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        if not self.seconds:
            return 0.0
        return (len(self.batches) * BATCH + len(self.webhooks)) / self.seconds


@contextlib.contextmanager
def running(asked: Asked) -> Iterator[subprocess.Popen[bytes]]:
    """In this process's environment; it has begun."""
    Path(asked.told).write_text("")
    command = [sys.executable, "-m", "tests.faults.load", json.dumps(asdict(asked))]
    with subprocess.Popen(command, cwd=REPOSITORY) as process:
        try:
            until(lambda: Path(asked.told).stat().st_size > 0)
            yield process
        finally:
            process.kill()


def read(told: str) -> Accepted:
    found = Accepted()
    for line in Path(told).read_text().splitlines():
        kind, _, value = line.partition(" ")
        if kind == "change":
            found.batches.add(value)
        elif kind == "webhook":
            found.webhooks.append(value)
        else:
            found.seconds = float(value)
    return found


class _Pace:
    """Numbers from 0 on, each at its moment: at once where that has passed. Several threads may ask.

    A pace that cannot be kept ends LATE_SECONDS late, without its last numbers.
    """

    def __init__(self, *, count: int, per_second: float) -> None:
        self._numbers = iter(range(count))
        self._per_second = per_second
        self._began = time.monotonic()
        self._until = self._began + count / per_second + LATE_SECONDS
        self._taking = threading.Lock()

    def __iter__(self) -> Iterator[int]:
        while (number := self._next()) is not None:
            time.sleep(max(0.0, self._began + number / self._per_second - time.monotonic()))
            yield number

    def _next(self) -> int | None:
        with self._taking:
            return next(self._numbers, None) if time.monotonic() < self._until else None


class _Told:
    """The file, a line at a time; several threads may write."""

    def __init__(self, path: str) -> None:
        self._file = Path(path).open("w", buffering=1)  # noqa: SIM115 - as long as the process
        self._writing = threading.Lock()

    def __call__(self, kind: str, value: object) -> None:
        with self._writing:
            self._file.write(f"{kind} {value}\n")


def main() -> None:
    django.setup()
    asked = Asked(**json.loads(sys.argv[1]))
    tell, began = _Told(asked.told), time.monotonic()
    pace = _Pace(count=asked.deliveries, per_second=asked.webhooks)
    senders = [threading.Thread(target=_post, args=(pace, asked, tell)) for _ in range(_SENDERS)]
    for sender in senders:
        sender.start()
    _change(asked, tell)
    for sender in senders:
        sender.join()
    tell("ended", time.monotonic() - began)


def _post(pace: _Pace, asked: Asked, tell: _Told) -> None:
    from tests.faults import hooks

    for number in pace:
        delivery = f"{asked.name}delivery-{number}"
        answer = hooks.send(asked.to, delivery=delivery)
        while not 200 <= answer.status < 300:
            time.sleep(1)
            answer = hooks.send(asked.to, delivery=delivery)
        tell("webhook", answer.event_id)


def _change(asked: Asked, tell: _Told) -> None:
    """One batch after the other, in three ways that a program may choose, round and round through all contacts."""
    from django.db import Error, connection, transaction

    from crm.models import Contact

    everybody = itertools.cycle(list(Contact.objects.order_by("pk")))
    for number in _Pace(count=asked.batches, per_second=asked.changes / BATCH):
        some, title = list(itertools.islice(everybody, BATCH)), f"{asked.name}{number}"
        for contact in some:
            contact.title = title
        try:
            with transaction.atomic():
                if number % 4 == 0:
                    for contact in some:
                        contact.save()
                elif number % 4 == 1:
                    Contact.objects.bulk_update(some, ["title"])
                else:
                    Contact.objects.filter(pk__in=[one.pk for one in some]).update(title=title)
            tell("change", title)
        except Error:  # the database is away; whether this one committed, nobody knows
            connection.close()
            time.sleep(0.2)


if __name__ == "__main__":
    main()
