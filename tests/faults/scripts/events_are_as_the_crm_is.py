"""An event exists if and only if its change committed, however many programs are killed in the middle of changes.

Contacts are saved, created by the list, updated by query and one by one, and taken back, by programs that are killed;
others come through the web server, which is killed as often, each time after it has answered. `size` is how many
changes of the programs commit; a quarter as many are taken back.
"""

from __future__ import annotations

import http.client
import json
import random
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from config.up.place import REPOSITORY
from crm.models import Contact
from tests.faults import rows, script, writer
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_least, exactly, until
from tests.faults.tokens import token
from tests.faults.writer import Change
from triggers.models import Event

KILLS = {False: 2, True: 20}
LARGE = 500
PATIENCE_SECONDS = 300


@script.register("P2", small=60, full=2_000)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    kills = KILLS[size >= LARGE]
    told = ground.place.root / "changes"
    told.write_text("")
    rows.workspace()
    (server,) = ground.start("web", revived=True)
    web = _Web(ground.url)
    silent = 0
    for number in range(1, kills + 1):
        program = _write(told, seed=chance.randrange(1_000_000), changes=100_000)
        _wait_for(told, committed=number * size // kills, undone=number * size // 4 // kills)
        silent += web.wait_for_more() is None
        time.sleep(chance.random() / 10)
        program.kill()
        program.wait()
        server.kill()
        until(lambda: not server.is_alive())
    _write(told, seed=1, changes=max(20, size // 10)).wait()
    web.stop()
    changes = writer.read(told)
    outcomes = Counter(change.outcome for change in changes)
    yield exactly("times that the web server was killed", ground.deaths, kills)
    yield exactly("of them before it had answered", silent, 0)
    yield at_least("changes that committed", outcomes["committed"], size)
    yield at_least("changes that were taken back", outcomes["undone"], size // 4)
    yield at_least("contacts through the web server", web.accepted, kills)
    yield exactly("changes without one event for each contact", _told_wrongly(changes), 0)
    yield exactly("contacts with another number of events than one", _created_wrongly(), 0)
    yield exactly("events of contacts that there are not", _orphans(), 0)
    yield exactly("contacts whose last change is not their last event", _changed_wrongly(), 0)
    yield exactly("contacts that were accepted and are not there", web.missing(), 0)


def _wait_for(told: Path, **counts: int) -> None:
    def are_there() -> bool:
        outcomes = Counter[str](change.outcome for change in writer.read(told))
        return all(outcomes[outcome] >= count for outcome, count in counts.items())

    until(are_there, seconds=PATIENCE_SECONDS)


def _write(told: Path, *, seed: int, changes: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.faults.writer", str(seed), str(changes), str(told)]
    return subprocess.Popen(command, cwd=REPOSITORY)


def _told_wrongly(changes: Iterable[Change]) -> int:
    """Each contact that a change touched has one event with its mark, and nothing that was taken back has any."""
    subjects: dict[str, list[str]] = defaultdict(list)
    told = Event.objects.filter(type__in=("contact_created", "contact_updated"))
    for subject, payload in told.values_list("subject", "payload"):
        subjects[payload["contact"]["title"]].append(subject)
    found = [(change.events, subjects[change.mark]) for change in changes]
    return sum(len(of) not in may or len(of) != len(set(of)) for may, of in found)


def _created_wrongly() -> int:
    told = list(Event.objects.filter(type="contact_created").values_list("subject", flat=True))
    there = {f"contact:{pk}" for pk in Contact.objects.values_list("pk", flat=True)}
    return len(there.symmetric_difference(told)) + len(told) - len(set(told))


def _orphans() -> int:
    there = {f"contact:{pk}" for pk in Contact.objects.values_list("pk", flat=True)}
    told = Event.objects.filter(type__startswith="contact_").values_list("subject", flat=True)
    return sum(subject not in there for subject in told)


def _changed_wrongly() -> int:
    """Events of one contact are in the order of its changes, because each change locks its row."""
    last: dict[str, str] = {}
    told = Event.objects.filter(type__in=("contact_created", "contact_updated"))
    for subject, payload in told.order_by("recorded_at", "pk").values_list("subject", "payload"):
        last[subject] = payload["contact"]["title"]
    titles = Contact.objects.exclude(title="").values_list("pk", "title")
    return sum(last.get(f"contact:{pk}") != title for pk, title in titles)


class _Web:
    """Somebody who makes contacts over REST and remembers which were accepted."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/api/v1/contacts"
        self._token = token("read", "write")
        self._accepted: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(2)]
        for thread in self._threads:
            thread.start()

    @property
    def accepted(self) -> int:
        return len(self._accepted)

    def wait_for_more(self) -> float | None:
        """Until one more contact was accepted than now; None where none is."""
        before = self.accepted
        return until(lambda: self.accepted > before)

    def _ask(self) -> None:
        while not self._over.wait(0.02):
            body = json.dumps({"email": f"{uuid.uuid4()}@example.org"}).encode()
            about = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
            try:
                request = urllib.request.Request(self._url, body, about)
                with urllib.request.urlopen(request, timeout=10) as answer:
                    self._accepted.append(json.loads(answer.read())["id"])
            except (OSError, http.client.HTTPException):  # it is being killed and started
                self._over.wait(0.2)

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def missing(self) -> int:
        return self.accepted - Contact.objects.filter(pk__in=self._accepted).count()
