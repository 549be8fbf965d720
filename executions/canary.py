"""Synthetic events: one in CANARY_SECONDS and class of workspaces goes the way of any event, so that it is known how
late events are answered. `executions.canary_watch` looks at them, and does not run where they do.

`tick` emits it, so beat, dispatcher, gates, claim and an agents process all have to work for it to be answered. It
lives in a workspace of its own that nobody is a member of, and goes when KEPT newer ones are there.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction

from agents.models import Agent, AgentStatus
from agents.models.agent import DEFAULT_RESTRICTIONS
from config.lib import clock
from config.lib.locks import Lock
from crm.models import Workspace
from executions import statements
from executions.models import TERMINAL, AgentStart, Canary, Execution
from triggers import events
from triggers.models import Event
from triggers.sources import manual

# What shares its queues and workers is one class. All workspaces do: there is no other way to be served.
CLASSES = ("shared",)
KEPT = 10  # of a class, with what came of them
PRUNED_AT_ONCE = 200
_STEP = {"action": "notify", "params": {"message": "This is how long an event takes."}}


@dataclass(frozen=True, slots=True)
class State:
    """Of one class, in seconds, at `now` by the database's clock; null where none was ever answered.

    `age`: since one was answered, `latency`: how long that one took, `waiting`: for how long the next one is due or
    open. `late`: how often an alert was raised; `is_alerted`: one is open.
    """

    name: str
    workspace_id: uuid.UUID
    now: dt.datetime
    late: int
    age: float | None
    latency: float | None
    waiting: float
    finished_at: dt.datetime | None
    is_due: bool
    is_alerted: bool

    @property
    def lag(self) -> float:
        """How late events are answered, as far as anybody can know now."""
        return max(self.waiting, self.latency or 0.0)

    @property
    def is_late(self) -> bool:
        return bool(self.lag > settings.CANARY_LIMIT_SECONDS)


def is_on() -> bool:
    return bool(settings.CANARY_SECONDS > 0 and settings.TRIGGERS_ENABLED)


def states() -> list[State]:
    """One statement. A class that nobody has emitted for is not there."""
    asked = {"period": settings.CANARY_SECONDS, "ended": [str(status) for status in TERMINAL]}
    found = [State(*row) for row in statements.run("select_canaries", asked)]
    return [state for state in found if state.name in CLASSES]


def emit_due() -> None:
    """One statement where nothing is due."""
    if not is_on():
        return
    found = {state.name: state for state in states()}
    for name in CLASSES:
        if name not in found:
            ensure(name)
        if name not in found or found[name].is_due:
            _emit(name)


def ensure(name: str) -> None:
    """Makes the row of a class with its workspace, where it is missing; from now on its first event is due."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [Lock.MAKE_CANARY.value])
        if not Canary.objects.filter(pk=name).exists():
            own = Workspace(name=f"System: synthetic events ({name})", is_system=True)
            own.slug = f"system-{own.pk.hex}"
            own.save()
            Canary.objects.create(name=name, workspace=own, waits_since=clock.now())


def _emit(name: str) -> None:
    """Nobody else emits for this class meanwhile; who comes too late does nothing."""
    with transaction.atomic():
        row = Canary.objects.select_for_update(skip_locked=True).filter(pk=name).first()
        state = next((one for one in states() if one.name == name), None)
        if row is None or state is None or not state.is_due:
            return
        agent = _agent(state.workspace_id)
        event = events.emit(
            "canary",
            workspace_id=state.workspace_id,
            payload={},
            topic=manual.ensure(agent).topic,
            source="canary",
            actor="system",
        )
        if state.finished_at:
            row.completed_at, row.latency_seconds = state.finished_at, state.latency
            row.waits_since = None
        row.waits_since = row.waits_since or state.now
        row.emitted_at, row.event_id = state.now, event.pk
        row.save()
        _prune(agent, now=state.now)


def _agent(workspace_id: uuid.UUID) -> Agent:
    agent, _ = Agent.objects.get_or_create(
        workspace_id=workspace_id,
        name="Answers synthetic events",
        defaults={
            "steps": [_STEP],
            "status": AgentStatus.LIVE,
            "restrictions": {**dict.fromkeys(DEFAULT_RESTRICTIONS), "max_attempts": 3},
        },
    )
    return agent


def _prune(agent: Agent, *, now: dt.datetime) -> None:
    """One was emitted only when the one before had ended: all but the newest have."""
    old = Event.objects.filter(workspace_id=agent.workspace_id).order_by("-pk")
    gone = list(old.values_list("pk", flat=True)[KEPT : KEPT + PRUNED_AT_ONCE])
    runs = Execution.objects.filter(event_id__in=gone).order_by().values_list("pk", flat=True)
    statements.run("delete_events", {"events": gone, "executions": list(runs)})
    AgentStart.objects.filter(agent=agent, at__lt=now - dt.timedelta(hours=1)).delete()
