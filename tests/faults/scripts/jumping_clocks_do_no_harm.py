"""The clock of a process may jump by hours: nobody is taken for dead, and nothing fires or is told twice.

Each process in turn, the web server and the listener too, is two hours ahead, right again, two hours behind and right
again, while runs are in flight, a schedule comes due, files come and webhooks are posted: some are signed together with
the true time, which the web server has to believe more than its own clock.
"""

from __future__ import annotations

import datetime as dt
import random
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.test.utils import override_settings

from config.lib import clock
from executions.models import Execution, TriggerGate
from tests.corpus import signing
from tests.faults import faketime, hooks, peer, rows, script
from tests.faults.faketime import FakeClock
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until
from triggers.models import Event, Schedule, Trigger, Watch

KINDS = ("worker", "agents", "beat", "alone", "web", "listener")
JUMPS = (7_200, -7_200)
SEEN_SECONDS = 1.5  # until a process has seen its clock jump
LONG_MS = 4_000  # of a run in flight: longer than a lease
EACH = 20  # at most so many files, webhooks and webhooks with a time, for each jump
SETTINGS = {**script.QUICK, **hooks.NO_LIMITS, "FILE_WATCH_ROOTS": tempfile.gettempdir()}


@dataclass
class Scene:
    """What happens at each jump; `answers` of all webhooks, `firsts` are the ids told for the same delivery."""

    ground: Ground
    size: int
    folder: Path
    long: Trigger
    quick: Trigger
    due: Trigger
    files: Trigger
    to: str
    to_timed: str
    rounds: int = 0
    answers: set[int] = field(default_factory=set)
    firsts: set[str] = field(default_factory=set)

    @property
    def each(self) -> int:
        return min(self.size, EACH)

    @property
    def ends(self) -> int:
        """How many runs there must be by now; one is that of the first delivery."""
        return 1 + self.rounds * (2 * self.size + 1 + 3 * self.each)

    def jump(self, hands: FakeClock, seconds: int) -> None:
        self.rounds += 1
        rows.happen("long", self.size)
        time.sleep(SEEN_SECONDS)
        hands.set(seconds)
        time.sleep(SEEN_SECONDS)
        slot = clock.now() + dt.timedelta(seconds=0.5)
        Schedule.objects.filter(pk=self.due.pk).update(next_slot_at=slot, next_fire_at=slot)
        rows.happen("quick", self.size)
        for number in range(self.each):
            (self.folder / f"{self.rounds}-{number}").write_text("Hello")
            self.answers |= {hooks.send(self.to).status, _send_timed(self.to_timed)}
        self.post_first()

    def post_first(self) -> bool:
        """The same delivery, again and again."""
        answer = hooks.send(self.to, delivery="first")
        self.firsts |= {answer.event_id} - {""}
        return bool(answer.event_id)


@script.register("P18", small=4, full=200, settings=SETTINGS, needs=faketime.library)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    with peer.running() as other:
        scene = _set_up(ground, other, size)
        for kind in KINDS if size >= 100 else chance.sample(KINDS, 2):
            hands = FakeClock(ground.place.root)
            ground.start(*(other_kind for other_kind in KINDS if other_kind != kind))
            ground.start(kind, through=hands.environment)
            until(lambda: scene.post_first() and _is_watched(scene.files))
            for seconds in JUMPS:
                scene.jump(hands, seconds)
                done = until(lambda: rows.all_ended(scene.ends), seconds=60 + size)
                yield at_most(
                    f"seconds until all have ended, {kind} {seconds:+,} s", done, 45 + size / 4
                )
                hands.set(0)
                time.sleep(SEEN_SECONDS)
            ground.end()
        yield exactly("what became of all", dict(rows.statuses()), {"completed": scene.ends})
        yield exactly("runs that somebody took for lost", _lost(), 0)
        ends = TriggerGate.objects.get(pk=scene.quick.pk).total_executions
        yield exactly("ends that were counted", ends, scene.rounds * size)
        yield exactly("fires", Event.objects.filter(source="cron").count(), scene.rounds)
        told = Event.objects.filter(topic=scene.files.topic).count()
        yield exactly("files that were told", told, scene.rounds * scene.each)
        yield exactly("answers to webhooks", scene.answers, {202})
        yield exactly("events of a delivery that came again and again", len(scene.firsts), 1)


def _set_up(ground: Ground, other: peer.Peer, size: int) -> Scene:
    folder = ground.place.root / "jumping"
    folder.mkdir(exist_ok=True)
    long = rows.listen(rows.agent("Takes long", other.step(f"/work?ms={LONG_MS}")), "long")
    quick = rows.listen(rows.agent("Is quick"), "quick")
    yearly = {"trigger_type": "cron", "config": {"cron_expression": "0 0 1 1 *"}}
    due = rows.listen(rows.agent("Is due"), "year", **yearly)
    new = {"path": str(folder / "*"), "events": ["created"], "debounce_seconds": 0}
    with override_settings(FILE_WATCH_ROOTS=[tempfile.gettempdir()]):
        files = rows.listen(rows.agent("Reads"), "", trigger_type="file_watch", config=new)
    plain = hooks.listen(rows.agent("Is called"))
    secret = {"secret": signing.SECRETS["standard"]}
    timed = rows.listen(
        rows.agent("Is called in time"),
        "",
        trigger_type="webhook",
        config={"webhook_type": "standard", "webhook_config": secret},
    )
    to, to_timed = hooks.address(plain, ground.url), hooks.address(timed, ground.url)
    return Scene(ground, size, folder, long, quick, due, files, to, to_timed)


def _send_timed(to: str) -> int:
    """The status that a webhook gets which is signed together with the true time."""
    body = b'{"type": "order.paid"}'
    signed = signing.headers(body, {"by": "standard", "name": str(uuid.uuid4())})
    about = {"Content-Type": "application/json", **dict(signed)}
    try:
        with urllib.request.urlopen(urllib.request.Request(to, body, about), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _is_watched(files: Trigger) -> bool:
    return Watch.objects.filter(pk=files.pk).exclude(works_since=None).exists()


def _lost() -> int:
    return Execution.objects.exclude(losses=0, attempt=1).count()
