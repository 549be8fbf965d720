"""The rows of fault scripts: a workspace, agents without limits unless said, triggers, and what happens."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from typing import Any

from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import Count

from agents.models import Agent, AgentStatus, ModelProvider
from crm.models import Workspace
from executions.models import AgentGate, AgentStart, Execution
from triggers import blueprint, events
from triggers.models import Event, Trigger

NOTIFY = {"action": "notify", "params": {"message": "Hello"}}
_NO_LIMITS = {
    "max_executions_per_minute": None,
    "max_executions_per_day": None,
    "max_concurrent": None,
    "max_attempts": 3,
    "timeout_seconds": 300,
}
_IN_ONE_INSERT = 500


accepted: list[uuid.UUID] = []  # events whose commit we saw: none of them may be missing in the end


def forget_all() -> None:
    accepted.clear()
    call_command("flush", interactive=False, verbosity=0)


def workspace() -> Workspace:
    return Workspace.objects.get_or_create(slug="faults", defaults={"name": "Faults"})[0]


def agent(name: str, *steps: dict[str, Any], **restrictions: int | None) -> Agent:
    """A live one; without steps it notifies."""
    return Agent.objects.create(
        workspace=workspace(),
        name=name,
        steps=list(steps) or [NOTIFY],
        restrictions={**_NO_LIMITS, **restrictions},
        status=AgentStatus.LIVE,
    )


def listen(who: Agent, event_type: str, **fields: Any) -> Trigger:
    trigger = Trigger(workspace=who.workspace)
    about = {
        "name": f"{who.name} on {event_type}",
        "agent_id": str(who.pk),
        "trigger_type": "event",
        "config": {"event_type": event_type},
        "max_executions_per_hour": None,
    }
    blueprint.store(trigger, {**about, **fields})
    return trigger


def happen(event_type: str, count: int = 1) -> list[Event]:
    """Events, each committed by itself."""
    pk = workspace().pk
    found = []
    for _ in range(count):
        found.append(events.emit(event_type, workspace_id=pk, payload={}))
        accepted.append(found[-1].pk)
    return found


def happen_at_once(event_type: str, count: int, *, numbered: bool = False) -> None:
    """Many events, some hundreds to a transaction; with `numbered` each has a number of its own in its payload."""
    pk = workspace().pk
    for start in range(0, count, _IN_ONE_INSERT):
        some = min(_IN_ONE_INSERT, count - start)
        with transaction.atomic():
            found = events.emit_many(
                [
                    events.Draft(event_type, pk, {"number": start + n} if numbered else {})
                    for n in range(some)
                ]
            )
        accepted.extend(event.pk for event in found)


def statuses(**which: Any) -> Counter[str]:
    """How many executions are in each status, or `skipped: reason`."""
    kinds = Execution.objects.filter(**which).order_by().values_list("status", "reason")
    found = kinds.annotate(Count("pk"))
    return Counter({f"{s}: {reason}" if reason else s: count for s, reason, count in found})


def holders() -> set[str]:
    """Names of the processes that have runs just now."""
    running = Execution.objects.filter(status="running").order_by()
    return set(running.values_list("worker", flat=True).distinct())


def all_ended(count: int, **which: Any) -> bool:
    """So many executions exist and none is on its way any more."""
    seen = statuses(**which)
    on_its_way = {"queued", "running", "retrying"} & {status.partition(":")[0] for status in seen}
    return sum(seen.values()) >= count and not on_its_way


def some_ended_since(moment: dt.datetime) -> bool:
    """Whether a run that started after it has ended."""
    return Execution.objects.filter(started_at__gt=moment, finished_at__isnull=False).exists()


def let_pass(seconds: float) -> None:
    """Moves what limits are counted from into the past, as if so long had passed since."""
    ago = "make_interval(secs => %(seconds)s)"
    statements = (
        f"UPDATE executions_agentstart SET at = at - {ago}",
        f"UPDATE executions_agentgate SET limited_until = limited_until - {ago}",
        "UPDATE executions_agentgate SET next_eligible_at = now()",
        f"UPDATE executions_execution SET started_at = started_at - {ago}",
    )
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, {"seconds": seconds})


def starts(who: Agent) -> int:
    return AgentStart.objects.filter(agent=who).count()


def pause_workspace(*, paused: bool) -> None:
    """While paused, events are recorded and dispatched, and nothing starts."""
    Workspace.objects.filter(pk=workspace().pk).update(paused=paused)
    if not paused:
        AgentGate.objects.update(next_eligible_at=dt.datetime.now(dt.UTC))


def thinker(name: str, server: str, **restrictions: int | None) -> Agent:
    """A live agent that asks the model at `server` once."""
    ModelProvider.objects.get_or_create(
        workspace=workspace(),
        name="local",
        defaults={"kind": "openai-compatible", "base_url": server, "api_key": "none"},
    )
    asks = agent(name, **restrictions)
    Agent.objects.filter(pk=asks.pk).update(steps=[], model="local:any", instructions="Judge.")
    asks.refresh_from_db()
    return asks
