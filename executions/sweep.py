"""What `tick` does every second: it looks at the rows, so that nothing depends on a message that was lost.

Each part is one or two cheap statements; each stands alone, so that one that fails does not stop the others.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
import uuid
from collections.abc import Callable

from django.conf import settings
from django.db import connection
from django.db.models import OuterRef, Q, Subquery

from agents.models import Agent, AgentStatus
from config.lib import clock, wake
from executions import (
    alerts,
    approving,
    backlog,
    canary,
    holding,
    live,
    notices,
    reaper,
    skipping,
    statements,
)
from executions.gates import agent_status
from executions.models import TERMINAL, AgentGate, AlertKind, Execution, Reason, Step
from executions.models.querysets import ExecutionQuerySet
from executions.queue import LOOK_AT_LEAST
from triggers import schedules
from triggers.models import ConditionTrial, Event, Trigger, TriggerStatus
from triggers.sources import database, manual

log = logging.getLogger(__name__)

_swept_at: float | None = None  # by this process's monotonic clock
_models_seen_at: float | None = None  # likewise
MODELS_SECONDS = 30.0  # between two looks at whether the examples' models were changed
AGAIN_SECONDS = 0.5  # ticks that gathered while no worker was there are one

PROMOTED_AT_ONCE = 5_000  # the next tick goes on
SKIPPED_AT_ONCE = 5_000  # of one agent or trigger
TRIED_AT_ONCE = 1_000  # trials of examples that are made due
BUSY_AT_ONCE = (
    500  # triggers with ready rows that one tick looks at; the next tick goes on behind them
)

_FIRST = uuid.UUID(int=0)
_walked: dict[
    str, uuid.UUID
] = {}  # by part of the sweep: behind which trigger this process goes on


def sweep_if_due(*, monotonic: Callable[[], float] = time.monotonic) -> bool:
    """Sweeps, unless this process did a moment ago; whether it did."""
    global _swept_at  # noqa: PLW0603 - of this process
    now = monotonic()
    if _swept_at is not None and now - _swept_at < AGAIN_SECONDS:
        return False
    _swept_at = now
    sweep()
    return True


def sweep() -> None:
    """Due schedules, what other programs changed, due retries and waits, runs whose host is back, unwanted rows, lost
    leases, gates to look at again; then wake whom there is work for, and emit the synthetic event.
    """
    parts: tuple[Callable[[], object], ...] = (
        fire_schedules,
        tell_captured,
        wake_dispatcher_if_new,
        promote_due,
        holding.release,
        approving.expire,
        backlog.settle,
        skip_unwanted,
        forget_sealed,
        reaper.reap,
        reaper.reap_judges,
        repair_gates,
        wake_workers_if_eligible,
        try_changed_models_if_due,
        wake_triers_if_due,
        canary.emit_due,
    )
    for part in parts:
        try:
            part()
        except Exception:
            log.exception("a part of the sweep failed", extra={"part": part.__name__})
            connection.close_if_unusable_or_obsolete()  # else a restart of the server is never got over


def fire_schedules() -> None:
    """Not while triggers are switched off: what is due meanwhile counts as missed."""
    if settings.TRIGGERS_ENABLED:
        schedules.fire_due(tell_broken=_alert_broken)


def _alert_broken(trigger: Trigger, message: str) -> None:
    """Switching the trigger on again closes it (`launch.resume`)."""
    alerts.raise_alert(
        trigger.workspace_id,
        AlertKind.TRIGGER_ERROR,
        f"The schedule of {trigger.name} cannot go on. {message} Mend it, then enable it again.",
        trigger=trigger,
        agent_id=trigger.agent_id,
        dedupe_key=f"schedule:{trigger.pk}",
    )
    news = notices.trigger_error(trigger_id=trigger.pk, agent_id=trigger.agent_id, message=message)
    live.push(trigger.workspace_id, news)


def tell_captured() -> None:
    """Also while triggers are switched off: recording goes on."""
    database.tell(tell_stuck=_alert_stuck)


def _alert_stuck(workspace_id: uuid.UUID, what: str) -> None:
    alerts.raise_alert(
        workspace_id,
        AlertKind.DEAD_EVENT,
        f"A change that another program made ({what}) could not be told as an event, and perhaps more of them: "
        "an operator sees them with capture_writes status.",
        dedupe_key="captured",
    )


def wake_dispatcher_if_new() -> None:
    if settings.TRIGGERS_ENABLED and Event.objects.filter(state="new").exists():
        wake.dispatcher()


def promote_due() -> None:
    """Their agents are looked at also where they wait for a window: going on takes no place of it."""
    now = clock.now()
    if agent_ids := Execution.objects.promote_due(now, limit=PROMOTED_AT_ONCE):
        AgentGate.objects.look_again(agent_ids, now=now)


def skip_unwanted() -> int:
    """Rows whose agent was switched off, ready rows whose trigger was, and rows that lost either."""
    now = clock.now()
    return _skip_of_agents(now) + _skip_of_triggers(now) + _skip_orphans(now)


def _skip_of_agents(now: dt.datetime) -> int:
    """One probe of index execution_pending for each agent that is not live."""
    skipped = 0
    pending = Execution.objects.filter(status__in=["queued", "retrying"]).order_by("position")
    first = Subquery(pending.filter(agent_id=OuterRef("pk")).values("pk")[:1])
    off = Agent.objects.exclude(status=AgentStatus.LIVE).annotate(first=first)
    for agent in off.exclude(first=None).select_related("gate"):
        rows = pending.filter(agent=agent)
        if agent.status == AgentStatus.DRAFT:
            rows = rows.filter(is_test=False)
        reason = agent_status.reason_not_to_run(agent.status, gate=getattr(agent, "gate", None))
        skipped += skipping.skip(
            rows.values_list("pk", flat=True)[:SKIPPED_AT_ONCE], reason=str(reason), now=now
        )
    return skipped


def _skip_of_triggers(now: dt.datetime) -> int:
    """What waits or retries is skipped when its moment comes."""
    skipped = 0
    ready, undecided = Execution.objects.ready(), Execution.objects.undecided()
    for trigger_id, _agent_id, status, _first in _busy("skip"):
        if status != TriggerStatus.ACTIVE:
            skipped += _skip_of_trigger(ready.filter(trigger_id=trigger_id), status, now)
    for trigger_id, status in statements.run("select_undecided_triggers", {}):
        skipped += _skip_of_trigger(undecided.filter(trigger_id=trigger_id), status, now)
    return skipped


def _skip_of_trigger(rows: ExecutionQuerySet, status: str, now: dt.datetime) -> int:
    reason = Reason.TRIGGER_ERROR if status == TriggerStatus.ERROR else Reason.TRIGGER_DISABLED
    wanted = rows.filter(is_test=False).order_by("position")
    ids = wanted.values_list("pk", flat=True)[:SKIPPED_AT_ONCE]
    return skipping.skip(ids, reason=reason, now=now)


def _busy(part: str) -> list[tuple[uuid.UUID, uuid.UUID, str, uuid.UUID | None]]:
    """The next triggers that have ready rows; after the last of them it begins again. Rows of trigger, its agent, its
    status, and the agent of the first of its rows.
    """
    after = _walked.get(part, _FIRST)
    rows = statements.run("select_busy_triggers", {"after": after, "limit": BUSY_AT_ONCE})
    _walked[part] = rows[-1][0] if len(rows) == BUSY_AT_ONCE else _FIRST
    return [(trigger, agent, status, first) for trigger, agent, status, first in rows]


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
        skipped += skipping.skip(
            rows.order_by().values_list("pk", flat=True)[:SKIPPED_AT_ONCE], reason=reason, now=now
        )
    return skipped


def forget_sealed() -> int:
    """Outputs that were kept whole for the rest of their run, which has ended. Uses index step_sealed."""
    over = Step.objects.exclude(sealed="").filter(execution__status__in=TERMINAL)
    return Step.objects.filter(
        pk__in=list(over.order_by().values_list("pk", flat=True)[:PROMOTED_AT_ONCE])
    ).update(sealed="")


def repair_gates() -> int:
    """Gates that nobody would look at although their agent has ready rows."""
    agent_ids = set()
    for trigger_id, agent_id, _status, first in _busy("repair"):
        agent_ids.add(agent_id)
        if first is not None and first != agent_id:
            keep_with_their_agent(first, trigger_id=trigger_id)
    now = clock.now()
    asleep = AgentGate.objects.filter(
        Q(next_eligible_at=None) | Q(next_eligible_at__gt=now + LOOK_AT_LEAST)
    )  # a claim asks for no later moment: such a one is a finish to wait for, or the clock was set back
    return asleep.filter(pk__in=agent_ids).update(next_eligible_at=now)


def keep_with_their_agent(agent_id: uuid.UUID, *, trigger_id: uuid.UUID) -> None:
    """Rows whose trigger was given to another agent: decided is decided, they go on in their own agent's queue."""
    agent = Agent.objects.filter(pk=agent_id).first()
    moved = Execution.objects.ready().filter(trigger_id=trigger_id, agent_id=agent_id)
    ids = list(moved.order_by("position").values_list("pk", flat=True)[:SKIPPED_AT_ONCE])
    if agent is not None:
        moved.filter(pk__in=ids).update(trigger=manual.ensure(agent))
        AgentGate.objects.look_again([agent_id], now=clock.now())


def wake_workers_if_eligible() -> None:
    judgeable = Execution.objects.judgeable().filter(workspace__paused=False)
    if AgentGate.objects.filter(next_eligible_at__lte=clock.now()).exists() or (
        settings.TRIGGERS_ENABLED and judgeable.exists()
    ):
        wake.workers()
    if Execution.objects.suspects().exists():
        wake.alone()


def try_changed_models_if_due(*, monotonic: Callable[[], float] = time.monotonic) -> None:
    """Not every second, as it reads all trials."""
    global _models_seen_at  # noqa: PLW0603 - of this process
    now = monotonic()
    if _models_seen_at is None or now - _models_seen_at >= MODELS_SECONDS:
        _models_seen_at = now
        try_changed_models()


def try_changed_models() -> None:
    """Examples are due again where another model is asked by now."""
    if moved := list(ConditionTrial.objects.moved().values_list("pk", flat=True)[:TRIED_AT_ONCE]):
        ConditionTrial.objects.filter(pk__in=moved).update(due_at=clock.now(), failures=0)


def wake_triers_if_due() -> None:
    if ConditionTrial.objects.due(clock.now()).exists():
        wake.triers()
