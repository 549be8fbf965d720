"""Agents that wait for a slow language model hold up nobody: other runs, schedules and pages go on.

Agents take every place that those who ask models may have, conditions in words every place of the judges, all in calls
that take two minutes; what somebody who is logged in looks at meanwhile is the dashboard.
"""

from __future__ import annotations

import random
import time
import urllib.request
import uuid
from collections.abc import Iterator
from functools import partial
from typing import Any

from config.lib import clock
from executions import places
from executions.models import Execution
from tests.agents.modelserver import Say, model_server
from tests.faults import onlookers, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_least, at_most, exactly, until
from triggers import events
from triggers.models import Event, Schedule

AGENTS, OTHERS = 8, 40
SLOTS, JUDGES = 60, 8
THINKING = places.most_thinking(SLOTS)
CALLS = THINKING + JUDGES  # all that the product lets models have at once
LONG = 100  # runs, from which on a call takes as long as the promise says
CALL_SECONDS = {False: 20.0, True: 120.0}
SETTINGS = {  # so that far fewer runs than a day's fill the places; a judge waits as long as the call takes
    "EXECUTE_SLOTS": str(SLOTS),
    "JUDGE_SLOTS": str(JUDGES),
    "JUDGE_CALL_SECONDS": "600",
    "MODEL_CALL_SECONDS": "600",
}
IN_WORDS = {"type": "llm", "description": "It is about an order.", "model": "local:any"}
VERDICT = {"match": True, "reason": "Told.", "evidence": "", "confidence": 1}


@script.register("P20", small=64, full=160, settings=SETTINGS)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    seconds = CALL_SECONDS[size >= LONG]
    with model_server() as model:
        model.think = partial(_think, seconds)
        for number in range(AGENTS):
            asks = rows.thinker(f"Thinks {number}", model.url("/v1"), timeout_seconds=900)
            rows.listen(asks, f"asked.n{number}")
        for number in range(2):  # one has at most three quarters of the judges
            rows.listen(rows.agent(f"Is judged {number}"), f"judged.n{number}", conditions=IN_WORDS)
        rows.listen(rows.agent("Is quick"), "quick")
        yearly = {"trigger_type": "cron", "config": {"cron_expression": "0 0 1 1 *"}}
        due = rows.listen(rows.agent("Is due"), "year", **yearly)
        ground.start("web")
        ground.start_all()
        for number in range(AGENTS):
            rows.happen_at_once(f"asked.n{number}", size // AGENTS)
        for number in range(JUDGES):  # the same content would be asked about once
            pk, about = rows.workspace().pk, {"number": number}
            made = events.emit(f"judged.n{number % 2}", workspace_id=pk, payload=about)
            rows.accepted.append(made.pk)
        waiting = until(lambda: model.at_work >= CALLS, seconds=60)
        yield at_most(f"seconds until {CALLS} calls fill all places of models", waiting, 60)
        yield from _others_go_on(ground, due.pk)
        yield at_least("calls still under way then", model.at_work, CALLS)
        every = size + JUDGES + OTHERS + 1
        rounds = 2 + size / THINKING
        until(lambda: rows.statuses()["completed"] >= every, seconds=60 + rounds * seconds)
        yield exactly("what became of all", dict(rows.statuses()), {"completed": every})
        yield at_most("calls at once", model.most_at_work, CALLS)


def _think(seconds: float, body: dict[str, Any]) -> Say:
    """A judge is given a tool to answer with, an agent none."""
    return Say("Fine.", [("answer", VERDICT)] if body.get("tools") else [], delay=seconds)


def _others_go_on(ground: Ground, schedule: uuid.UUID) -> Iterator[Figure]:
    slot = clock.now()
    Schedule.objects.filter(pk=schedule).update(next_slot_at=slot, next_fire_at=slot)
    cookie = onlookers.session()
    pages = []
    for _ in range(OTHERS):
        rows.happen("quick")
        began = time.monotonic()
        if _shows_dashboard(ground.url, cookie):
            pages.append(time.monotonic() - began)
    yield exactly("dashboards that somebody saw who is logged in", len(pages), OTHERS)
    quick = Execution.objects.filter(agent_name="Is quick")
    until(lambda: quick.filter(status="completed").count() == OTHERS, seconds=30)
    waits = sorted(
        (run.finished_at - run.event.recorded_at).total_seconds() if run.finished_at else 999.0
        for run in quick.select_related("event")
    )
    yield at_most("seconds from event to completed of others, p95", waits[-OTHERS // 20], 2)
    fired = until(lambda: Event.objects.filter(source="cron").exists(), seconds=30)
    lag = None
    if fired is not None:
        lag = (Event.objects.get(source="cron").recorded_at - slot).total_seconds()
    yield at_most("seconds that a schedule is late", lag, 2)
    yield at_most("seconds that a page takes, the slowest", max(pages), 2)


def _shows_dashboard(url: str, cookie: str) -> bool:
    """Of the scripts' workspace; who is not logged in is sent elsewhere."""
    asked = urllib.request.Request(f"{url}/", headers={"Cookie": f"sessionid={cookie}"})
    with urllib.request.urlopen(asked, timeout=30) as page:
        return "data-count=" in page.read().decode()
