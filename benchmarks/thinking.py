"""Agents that wait for a language model: many at once, and what others notice of them.

The model is a server of this machine that answers after so many seconds.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from pathlib import Path

from agents.models import Agent, AgentStatus, ModelProvider
from benchmarks import ground, measures
from benchmarks.figures import Figures
from config.lib import clock
from crm.models import Contact, Workspace
from executions.models import Execution, Status
from tests.agents.modelserver import ModelServer, Say, model_server
from triggers import blueprint
from triggers.models import Trigger

RUNS, SECONDS, OTHERS = 200, 2.0, 30


def in_flight(others: Trigger, *, supervisor: int, runs: int = RUNS) -> Figures:
    """So many runs that each ask the model once, and `others` beside them. `supervisor`: the system's first process."""
    with model_server() as server:
        thinkers = _thinkers(server)
        server.think = lambda _: Say("Fine.", delay=SECONDS)
        _finish(thinkers, runs=1)  # the first one pays for imports
        before = memory_of(supervisor)
        server.most_at_work = 0
        peak = _Peak(supervisor)
        began, marker = time.monotonic(), clock.now()
        _begin(thinkers, runs=runs)
        beside = measures.at_rest(others, events=OTHERS)
        done = Execution.objects.filter(
            trigger=thinkers, created_at__gte=marker, status=Status.COMPLETED
        )
        measures.wait(lambda: done.count() >= runs)
        seconds = time.monotonic() - began
        return {
            "seconds until all have ended": seconds,
            "times one call": seconds / SECONDS,
            "in flight at once": float(server.most_at_work),
            "memory of all processes before (MiB)": before,
            "memory of all processes at most (MiB)": peak.stop(),
            "others meanwhile, commit to completed p50 (ms)": beside["commit to completed p50"],
            "others meanwhile, commit to completed p99 (ms)": beside["commit to completed p99"],
        }


def _thinkers(server: ModelServer) -> Trigger:
    owner = ground.workspace("thinkers")
    ModelProvider.objects.create(
        workspace=owner,
        name="local",
        kind="openai-compatible",
        base_url=server.url("/v1"),
        api_key="none",
    )
    agent = Agent.objects.create(
        workspace=owner,
        name="Thinks",
        model="local:slow",
        instructions="Say whether @contact.first_name may buy.",
        restrictions=ground.NO_LIMITS,
        status=AgentStatus.LIVE,
    )
    trigger = Trigger(workspace=owner)
    about = {"name": "Thinks", "agent_id": str(agent.pk), "trigger_type": "event"}
    config = {"config": {"event_type": "contact_created"}, "max_executions_per_hour": None}
    blueprint.store(trigger, {**about, **config})
    return trigger


def _begin(trigger: Trigger, *, runs: int) -> None:
    owner: Workspace = trigger.workspace
    Contact.objects.bulk_create(
        Contact(workspace=owner, email=f"{time.monotonic_ns()}.{n}@example.org")
        for n in range(runs)
    )


def _finish(trigger: Trigger, *, runs: int) -> None:
    marker = clock.now()
    _begin(trigger, runs=runs)
    done = Execution.objects.filter(trigger=trigger, created_at__gte=marker)
    measures.wait(lambda: done.filter(status=Status.COMPLETED).count() >= runs)


class _Peak:
    """The most memory that was seen, looked at twice a second."""

    def __init__(self, supervisor: int) -> None:
        self._supervisor = supervisor
        self._most = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(0.5):
            self._most = max(self._most, memory_of(self._supervisor))

    def stop(self) -> float:
        self._over.set()
        self._thread.join()
        return self._most


def memory_of(supervisor: int) -> float:
    """MiB of the process and all below it, servers too; what they share is counted once (PSS of /proc)."""
    children: dict[int, list[int]] = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        if fields := _read(stat).rpartition(") ")[2].split():
            children[int(fields[1])].append(int(stat.parent.name))
    found, kib = [supervisor], 0
    for pid in found:
        found += children[pid]
        lines = _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines()
        kib += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kib / 1024


def _read(path: Path) -> str:
    """Empty where the process has ended."""
    try:
        return path.read_text()
    except OSError:
        return ""
