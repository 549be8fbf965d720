"""Whatever stops, hangs or cannot be reached, `GET /triggers/health` names it within about ten seconds, answers in
time, and is well again when that is over; load balancers see the same at `/readyz`.
"""

from __future__ import annotations

import json
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User

from crm import tokens
from crm.models import Membership, Role
from tests.faults import link, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until

NOTICED, WELL, IN_TIME = 15, 30, 3.0  # seconds; the first two with room for a busy machine
UNUSED = {"listener": "unused", "canary": "unused"}
UP = {"database": "up", "broker": "up", "scheduler": "up", "worker": "up", **UNUSED}
NO_DATABASE = {"database": "down", "listener": "unknown"}
BLIND = {"scheduler": "unknown", "worker": "unknown"}


@dataclass
class Caller:
    """Asks one web process. `slowest`: seconds of the longest answer."""

    url: str
    token: str
    slowest: float = 0.0

    def health(self) -> tuple[int, dict[str, Any]]:
        return self._get("/api/v1/triggers/health")

    def is_ready(self) -> bool:
        return self._get("/readyz")[0] == 200

    def parts(self) -> tuple[int, dict[str, str]]:
        status, told = self.health()
        return status, {name: part["status"] for name, part in told["components"].items()}

    def is_well(self) -> bool:
        try:
            return self.parts() == (200, UP) and self.is_ready()
        except (
            OSError,
            KeyError,
        ):  # it is just being started, or its own connections are not yet new
            return False

    def _get(self, path: str) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self.token}"}
        request, began = urllib.request.Request(self.url + path, headers=headers), time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        finally:
            self.slowest = max(self.slowest, time.monotonic() - began)


@script.register(small=3, full=9, broker="redis")
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    """`size`: how many things happen, one after the other."""
    user = User.objects.create_user(f"watcher{chance.random()}")
    Membership.objects.create(workspace=rows.workspace(), user=user, role=Role.VIEWER)
    _, token = tokens.issue(rows.workspace(), user=user, name="health", scopes=["read"])
    database, redis = map(ground.address_of, ("DATABASE_URL", "REDIS_URL"))
    with link.to(database) as (pg, pg_url), link.to(redis) as (valkey, valkey_url):
        ground.start("web", through={"DATABASE_URL": pg_url, "REDIS_URL": valkey_url})
        worker, _, agents, beat = ground.start("worker", "alone", "agents", "beat")
        caller = Caller(ground.url, token)
        yield at_most("seconds until all is well", until(caller.is_well), 60)
        caller.slowest = 0.0

        def start(name: str) -> Callable[[], Any]:
            return lambda: ground.start(name)

        faults: list[tuple[str, Callable[[], None], Callable[[], Any], dict[str, str]]] = [
            ("database hangs", pg.hold, pg.join, NO_DATABASE),
            ("Redis is unreachable", valkey.cut, valkey.join, {"broker": "down", **BLIND}),
            ("dispatching worker hangs", worker.hang, worker.go_on, {"worker": "down"}),
            ("scheduler hangs", beat.hang, beat.go_on, {"scheduler": "down"}),
            ("agents process hangs", agents.hang, agents.go_on, {"worker": "down"}),
            ("database is unreachable", pg.cut, pg.join, NO_DATABASE),
            ("Redis hangs", valkey.hold, valkey.join, {"broker": "down", **BLIND}),
            ("scheduler is killed", beat.kill, start("beat"), {"scheduler": "down"}),
            ("worker is stopped", worker.stop, start("worker"), {"worker": "down"}),
        ]
        for name, begin, end, seen in faults[:size]:
            yield from _while(name, caller, begin, end, {**UP, **seen})
        yield at_most("seconds of the slowest answer", caller.slowest, IN_TIME)


def _while(
    name: str,
    caller: Caller,
    begin: Callable[[], None],
    end: Callable[[], Any],
    seen: dict[str, str],
) -> Iterator[Figure]:
    begin()
    try:
        yield at_most(f"{name}: seconds until it is told", _told(caller, seen), NOTICED)
        yield exactly(f"{name}: ready", caller.is_ready(), False)
    finally:
        end()
    well = until(caller.is_well, seconds=WELL)
    yield at_most(f"{name} no more: seconds until all is well", well, WELL)


def _told(caller: Caller, seen: dict[str, str]) -> float | None:
    return until(lambda: caller.parts() == (503, seen), seconds=NOTICED)
