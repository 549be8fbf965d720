"""What `tick` does every second: it looks at the rows, so that nothing depends on a message that was lost.

Each part is one or two cheap statements; each stands alone, so that one that fails does not stop the others.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Callable, Iterable

from django.conf import settings
from django.db import connection
from django.db.models import Exists, F, OuterRef, Q

from agents.models import Agent, AgentStatus
from config.lib import clock, wake
from executions import reaper
from executions.gates import agent_status
from executions.models import AgentGate, Execution, Reason
from executions.queue import ON_FINISH
from triggers.models import Event, Trigger, TriggerStatus
from triggers.sources import manual

log = logging.getLogger(__name__)

PROMOTED_AT_ONCE = 5_000  # the next tick goes on


def sweep() -> None:
    """Due retries and waits, unwanted rows, lost leases, gates to look at again; then wake whom there is work for."""
    parts: tuple[Callable[[], object], ...] = (
        wake_dispatcher_if_new,
        promote_due,
        skip_unwanted,
        reaper.reap,
        repair_gates,
        wake_workers_if_eligible,
    )
    for part in parts:
        try:
            part()
        except Exception:
            log.exception("a part of the sweep failed", extra={"part": part.__name__})
            connection.close_if_unusable_or_obsolete()  # else a restart of the server is never got over


def wake_dispatcher_if_new() -> None:
    if settings.TRIGGERS_ENABLED and Event.objects.filter(state="new").exists():
        wake.dispatcher()


def promote_due() -> None:
    """Their agents are looked at also where they wait for a window: going on takes no place of it."""
    now = clock.now()
    if agent_ids := Execution.objects.promote_due(now, limit=PROMOTED_AT_ONCE):
        AgentGate.objects.look_again(agent_ids, now=now)


def skip_unwanted() -> int:
    """Queued and retrying rows whose agent or trigger was switched off, or is gone."""
    now = clock.now()
    skipped = 0
    pending = Execution.objects.filter(status__in=["queued", "retrying"])
    off = Agent.objects.exclude(status=AgentStatus.LIVE).filter(
        Exists(pending.filter(agent_id=OuterRef("pk")))
    )
    for agent in off.select_related("gate"):
        rows = pending.filter(agent=agent)
        if agent.status == AgentStatus.DRAFT:
            rows = rows.filter(is_test=False)
        reason = agent_status.reason_not_to_run(agent.status, gate=getattr(agent, "gate", None))
        skipped += Execution.objects.skip(
            rows.values_list("pk", flat=True)[:1000], reason=str(reason), now=now
        )
    switched_off = Trigger.objects.exclude(status=TriggerStatus.ACTIVE).filter(
        Exists(pending.filter(trigger_id=OuterRef("pk"), is_test=False))
    )
    for trigger in switched_off:
        reason = (
            Reason.TRIGGER_ERROR
            if trigger.status == TriggerStatus.ERROR
            else Reason.TRIGGER_DISABLED
        )
        rows = pending.filter(trigger=trigger, is_test=False)
        skipped += Execution.objects.skip(
            rows.values_list("pk", flat=True)[:1000], reason=reason, now=now
        )
    return skipped + _skip_orphans(now)


def _skip_orphans(now: dt.datetime) -> int:
    """Rows whose agent or trigger was deleted. Uses index execution_orphan."""
    orphans = Execution.objects.filter(
        Q(agent=None) | Q(trigger=None), status__in=["queued", "retrying"]
    )
    skipped = 0
    for reason, rows in (
        (Reason.AGENT_NOT_LIVE, orphans.filter(agent=None)),
        (Reason.TRIGGER_DISABLED, orphans),
    ):
        skipped += Execution.objects.skip(
            rows.values_list("pk", flat=True)[:1000], reason=reason, now=now
        )
    return skipped


def repair_gates() -> int:
    """Gates that nobody would look at although their agent has ready rows."""
    ready = Execution.objects.ready().filter(agent_id=OuterRef("agent_id"))
    forgotten = AgentGate.objects.filter(Exists(ready), next_eligible_at=None)
    keep_with_their_agents(forgotten.values_list("pk", flat=True))
    asleep = AgentGate.objects.filter(Q(next_eligible_at=None) | Q(next_eligible_at=ON_FINISH))
    return asleep.filter(Exists(ready.filter(losses=0))).update(next_eligible_at=clock.now())


def keep_with_their_agents(agent_ids: Iterable[uuid.UUID]) -> None:
    """Rows whose trigger has been given to another agent: decided is decided, they go on in the agent's own queue."""
    agents = Agent.objects.in_bulk(list(agent_ids))
    pending = Execution.objects.filter(status__in=["queued", "retrying"], trigger__isnull=False)
    moved = pending.exclude(trigger__agent_id=F("agent_id"))
    for agent in agents.values():
        if ids := list(moved.filter(agent=agent).values_list("pk", flat=True)[:1000]):
            pending.filter(pk__in=ids).update(trigger=manual.ensure(agent))


def wake_workers_if_eligible() -> None:
    if AgentGate.objects.filter(next_eligible_at__lte=clock.now()).exists():
        wake.workers()
    if Execution.objects.suspects().exists():
        wake.alone()
