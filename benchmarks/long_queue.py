"""What a queue of a hundred thousand does to a claim and to a save; and a save while Redis is away."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import time
import uuid
from contextlib import closing

from django.db import transaction

from benchmarks import ground
from benchmarks.figures import Figures, percentile, timed
from config.lib import clock
from crm.models import Contact, Workspace
from executions import queue
from executions.models import AgentGate, Status
from triggers.models import Trigger

PLACES = 50
SHORT, LONG = 1_000, 100_000


def claim_cost(trigger: Trigger) -> Figures:
    """A claim of 50 rows from a short and a long queue; nobody else sees these rows, and they are taken back."""
    short, long = _claims(trigger, queued=SHORT), _claims(trigger, queued=LONG)
    return {
        f"of {PLACES} from {SHORT:,} queued, p50": short,
        f"of {PLACES} from {LONG:,} queued, p50": long,
        "long : short": long / short,
    }


def _claims(trigger: Trigger, *, queued: int, times: int = 15) -> float:
    taken = []
    with transaction.atomic():
        ground.history(trigger, rows=queued, status=Status.QUEUED)
        AgentGate.objects.get_or_create(agent_id=trigger.agent_id)
        for _ in range(times):
            AgentGate.objects.filter(pk=trigger.agent_id).update(next_eligible_at=clock.now())
            taken.append(timed(_claim_all))
        transaction.set_rollback(True)
    return statistics.median(taken)


def _claim_all() -> None:
    claimed = queue.claim(lease=uuid.uuid4(), worker="bench", places=PLACES)
    assert len(claimed) == PLACES


def saves_beside(owner: Workspace, *, saves: int) -> Figures:
    """A save in a workspace while nothing is queued anywhere, and while a hundred thousand rows are, in another one."""
    empty = save_p95(owner, saves=saves)
    other = ground.workspace("crowded")
    Workspace.objects.filter(pk=other.pk).update(paused=True)
    crowded = ground.no_op_agent(other, limited=True)
    ground.history(crowded, rows=LONG, status=Status.QUEUED)
    full = save_p95(owner, saves=saves)
    return {
        "save, nothing queued, p95": empty,
        f"save, {LONG:,} queued, p95": full,
        "long : empty": full / empty,
    }


def save_p95(owner: Workspace, *, saves: int) -> float:
    taken = []
    for number in range(saves):
        time.sleep(0.02)
        contact = Contact(workspace=owner, email=f"beside{number}-{uuid.uuid4()}@example.org")
        taken.append(timed(contact.save))
    return percentile(taken, 95)


def saves_without_redis(*, saves: int) -> Figures:
    """Saves of a process for which Redis refuses connections, and for which it takes them and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        hung = _saves_elsewhere(silent.getsockname()[1], saves=saves)
    return {
        "Redis refuses, p95": _saves_elsewhere(1, saves=saves),
        "Redis is silent, p95": hung,
    }


def _saves_elsewhere(redis_port: int, *, saves: int) -> float:
    """In a process of its own: addresses are read once."""
    url = f"redis://127.0.0.1:{redis_port}/0"
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--only-saves", str(saves)],
        env={**os.environ, "REDIS_URL": url, "CELERY_BROKER_URL": url, "LOG_LEVEL": "CRITICAL"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(answer.stdout)
