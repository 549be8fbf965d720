"""What a thousand watched folders cost one listener: the time to watch them, memory, CPU at rest and under a flood."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from agents.models import Agent
from benchmarks import watching
from benchmarks.figures import Figures, percentile
from config.lib.ids import uuid7
from triggers import blueprint
from triggers.models import Event, Trigger

FOLDERS, FILES = 1_000, 10  # files in each
FLOOD = 10_000
REST_SECONDS = 60.0


def watched(like: Trigger, *, root: Path) -> Figures:
    """`root`: what FILE_WATCH_ROOTS of the running system names."""
    step = {"action": "notify", "params": {"message": "A file came"}}
    Agent.objects.filter(pk=like.agent_id).update(steps=[step])
    listener = watching.listener()
    empty = watching.memory(listener)
    for number in range(FOLDERS):
        for file in range(FILES):
            path = root / str(number) / f"{file}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("a")
    triggers = [_trigger(like, root / str(number)) for number in range(FOLDERS)]
    began = time.monotonic()
    watching.wait(lambda: watching.working() == FOLDERS, what="all are watched")
    all_watched = time.monotonic() - began
    with watching.cpu(listener) as rest:
        time.sleep(REST_SECONDS)
    return {
        "until all are watched (s)": all_watched,
        "memory of the listener with none (MiB)": empty,
        "memory with all (MiB)": watching.memory(listener),
        "CPU at rest (% of one core)": 100 * rest[0] / REST_SECONDS,
        **_one_by_one(triggers, root),
        **_flood(triggers[0], root / "0", listener),
    }


def _one_by_one(triggers: list[Trigger], root: Path) -> Figures:
    late = []
    for number in range(0, FOLDERS, FOLDERS // 50):
        began = time.monotonic()
        (root / str(number) / "new.csv").write_text("a")
        watching.wait(Event.objects.filter(topic=triggers[number].topic).exists, what="one file")
        late.append(time.monotonic() - began)
    return {
        "a file to its event, quiet 0 s, p50 (s)": statistics.median(late),
        "p95 (s)": percentile(late, 95),
    }


def _flood(trigger: Trigger, folder: Path, listener: int) -> Figures:
    events = Event.objects.filter(topic=trigger.topic)
    before = events.count()
    began = time.monotonic()
    with watching.cpu(listener) as used:
        for number in range(FLOOD):
            (folder / f"flood{number}.csv").write_text("a")
        watching.wait(lambda: events.count() >= before + FLOOD, what="a flood")
    took = time.monotonic() - began
    return {
        f"{FLOOD:,} files at once: all told (s)": took,
        "CPU of the listener meanwhile (s)": used[0],
        "memory afterwards (MiB)": watching.memory(listener),
        "events twice or lost": abs(events.count() - before - FLOOD),
    }


def _trigger(like: Trigger, folder: Path) -> Trigger:
    trigger = Trigger(workspace=like.workspace)
    blueprint.store(
        trigger,
        {
            "name": f"Files {uuid7()}",
            "agent_id": str(like.agent_id),
            "trigger_type": "file_watch",
            "config": {"path": str(folder / "*.csv"), "debounce_seconds": 0},
            "max_executions_per_hour": None,
        },
    )
    return trigger
