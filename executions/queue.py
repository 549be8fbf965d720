"""Row 7 of the path: taking work. `claim` locks gates, asks the claim gates, and moves rows from queued to running.

One transaction per batch. Locks in the order of the house: agent gates (SKIP LOCKED: whoever else claims serves other
agents), then executions. Limits are decided under the agent's gate, so they are exact however many processes claim.
"""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import DateTimeField, Exists, F, Func, OuterRef, QuerySet
from django.db.models.functions import Now

from config.lib import clock, measures
from executions import budgets, completing, full_days, live, logbook, notices, skipping, statements
from executions.fairness import Block, Rooms, Share, share_out
from executions.gates import (
    Asked,
    Ready,
    agent_status,
    budget,
    claim_gates,
    max_age,
    minute_window,
)
from executions.models import AgentGate, Execution, Losses, Reason
from executions.places import Shares
from triggers import sources
from triggers.models import Trigger, TriggerStatus

ON_FINISH = dt.datetime(
    9999, 12, 31, tzinfo=dt.UTC
)  # next_eligible_at: when a run of the agent has finished
DEFAULT_TIMEOUT_SECONDS = 3600  # of an agent without a limit of its own
HELD_UP = dt.timedelta(seconds=5)  # a claim waits for no lock: it is never held up as long as this
LOOK_AT_LEAST = dt.timedelta(minutes=1)  # limits may be raised meanwhile
_ASKED = (
    "agent_id",
    "input_mapping",
    "status",
    "trigger_type",
    "is_builtin",
    "max_concurrent",
    "max_executions_per_hour",
    "max_age_seconds",
)
EACH_AT_LEAST = 8  # rows read per trigger when many agents wait at once


def claim(
    *,
    lease: uuid.UUID,
    worker: str,
    places: int,
    shares: Shares | None = None,
    losses: Losses = Losses.NONE,
    now: dt.datetime | None = None,
) -> list[uuid.UUID]:
    """At most `places` rows, now running under `lease`; the answer is in the order of starting.

    `shares`: how many of one agent, else any number. `losses`: of workers, of the rows. `now` is for tests.
    """
    now = now or _moment_to_claim(losses)
    if now is None or places <= 0:
        return []
    began = time.perf_counter()
    with transaction.atomic():
        gates = _eligible(now, places, shares=shares, losses=losses)
        if not gates:
            return []
        if shares:
            shares.thinkers = {gate.agent_id for gate in gates if gate.agent.asks_models}
        now = _after_the_last(gates, now)
        each = places if len(gates) == 1 else max(EACH_AT_LEAST, 2 * places // len(gates))
        ready = _ready([gate.agent_id for gate in gates], each=each, losses=losses)
        triggers = Trigger.objects.only(*_ASKED).in_bulk({row.trigger_id for row in ready})
        wanted = _skip_unwanted(ready, gates, triggers, now)
        asked = Asked(gates, list(triggers.values()), now)
        measured = [
            Rooms(gate, gate.free(asked))
            for gate in claim_gates()
            if any(gate.counts(row) for row in wanted)
        ]
        turns = [gate.agent_id for gate in gates]
        share = share_out(wanted, turns=turns, measured=measured, places=places, shares=shares)
        claimed = _start(share.chosen, gates, lease=lease, worker=worker, now=now)
        full = full_days.answer(share, gates, now=now)
        held_up = share.blocked_by(budget.NAME)
        budgets.warn_of_used_up([one.agent for one in gates if one.agent_id in held_up], now=now)
        _say_when(
            gates, share, ready, each=each, now=now, full=full, keep=losses is not Losses.NONE
        )
    if claimed:
        measures.CLAIM.observe(time.perf_counter() - began)
        for row in share.chosen:
            if row.attempt == 0:
                measures.RUN_WAIT.observe((now - row.created_at).total_seconds())
    return claimed


class _ClockTimestamp(Func):
    template = "clock_timestamp()"
    output_field = DateTimeField()


def _moment_to_claim(losses: Losses) -> dt.datetime | None:
    """The database's time where there is something to claim: one statement for the many times that there is not."""
    asked: QuerySet[Any] = Execution.objects.suspects(losses)
    if losses is Losses.NONE:
        asked = AgentGate.objects.filter(next_eligible_at__lte=Now())
    moments = asked.order_by().annotate(now=_ClockTimestamp()).values_list("now", flat=True)[:1]
    return next((clock.observed(moment) for moment in moments), None)


def _eligible(
    now: dt.datetime, limit: int, *, shares: Shares | None, losses: Losses
) -> list[AgentGate]:
    """Gates with something to start, least recently served first, locked. Uses gate_eligible, execution_suspect."""
    gates = AgentGate.objects.select_related("agent__workspace").filter(
        agent__workspace__paused=False
    )
    if shares:
        gates = gates.besides(shares.sated(), thinkers=shares.is_all_thought)
    if losses is not Losses.NONE:
        gates = gates.filter(
            Exists(Execution.objects.suspects(losses).filter(agent_id=OuterRef("agent_id")))
        )
    else:
        gates = gates.filter(next_eligible_at__lte=now)
    return list(
        gates.order_by(F("last_served_at").asc(nulls_first=True)).select_for_update(
            skip_locked=True, of=("self",)
        )[:limit]
    )


def _after_the_last(gates: Iterable[AgentGate], now: dt.datetime) -> dt.datetime:
    """`now` was read before the gates were locked: another claim may have started rows of these agents since, a moment
    later than `now`, and starts must not go back in time. A clock that was set back is another matter.
    """
    served = [gate.last_served_at for gate in gates if gate.last_served_at]
    last = max(served, default=now)
    return last if now < last < now + HELD_UP else now


def _ready(agent_ids: Sequence[uuid.UUID], *, each: int, losses: Losses) -> list[Ready]:
    least, most = losses.value
    asked = {"agents": list(agent_ids), "each": each, "least": least, "most": most}
    rows = statements.run("select_ready", asked)
    return [Ready(*row) for row in rows]


def _skip_unwanted(
    ready: Iterable[Ready],
    gates: Iterable[AgentGate],
    triggers: dict[uuid.UUID, Trigger],
    now: dt.datetime,
) -> list[Ready]:
    """What may still run; rows whose agent or trigger was switched off since dispatch are skipped with the reason."""
    by_agent = {gate.agent_id: gate for gate in gates}
    wanted: list[Ready] = []
    unwanted: dict[Reason, list[uuid.UUID]] = defaultdict(list)
    for row in ready:
        gate, trigger = by_agent[row.agent_id], triggers.get(row.trigger_id)
        if trigger is None:  # deleted just now
            continue
        reason = _reason_not_to_start(row, gate, trigger, now)
        if reason is None:
            wanted.append(row)
        else:
            unwanted[reason].append(row.id)
    for reason, ids in unwanted.items():
        skipping.skip(ids, reason=reason, now=now)
    return wanted


def _reason_not_to_start(
    row: Ready, gate: AgentGate, trigger: Trigger, now: dt.datetime
) -> Reason | None:
    reason = agent_status.reason_not_to_run(gate.agent.status, gate=gate, is_test=row.is_test)
    if reason is None and trigger.status != TriggerStatus.ACTIVE and not row.is_test:
        broken = trigger.status == TriggerStatus.ERROR
        reason = Reason.TRIGGER_ERROR if broken else Reason.TRIGGER_DISABLED
    if reason is None and trigger.trigger_type not in sources.registry:
        reason = Reason.TRIGGER_DISABLED  # its file is gone
    if reason is None and max_age.is_expired(row, trigger, now):
        reason = Reason.EXPIRED
    return reason


def _start(
    chosen: Sequence[Ready],
    gates: Iterable[AgentGate],
    *,
    lease: uuid.UUID,
    worker: str,
    now: dt.datetime,
) -> list[uuid.UUID]:
    if not chosen:
        return []
    timeouts = {
        gate.agent_id: float(gate.agent.limit("timeout_seconds") or DEFAULT_TIMEOUT_SECONDS)
        for gate in gates
    }
    started = statements.run(
        "start_executions",
        {
            "ids": [row.id for row in chosen],
            "timeouts": [timeouts[row.agent_id] for row in chosen],
            "lease": lease,
            "worker": worker,
            "now": now,
        },
    )
    ours: dict[uuid.UUID, str] = {pk: correlation_id for pk, correlation_id, _ in started}
    completing.announce_starts([pk for pk, _, is_awaited in started if is_awaited])
    begun = [row.id for row in chosen if row.id in ours]
    logbook.started(ours, lease=lease, worker=worker)
    return begun


def _say_when(
    gates: Sequence[AgentGate],
    share: Share,
    ready: Sequence[Ready],
    *,
    each: int,
    now: dt.datetime,
    full: full_days.Full,
    keep: bool,
) -> None:
    """Writes on each gate when to look at it again (`keep`: a claim of suspects does not know)."""
    served = {row.agent_id for row in share.chosen}
    read: dict[uuid.UUID, int] = defaultdict(int)
    for row in ready:
        read[row.trigger_id] += 1
    cut: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    for row in ready:
        if read[row.trigger_id] >= each:
            cut[row.agent_id].add(row.trigger_id)
    for gate in gates:
        block = share.blocked.get(gate.agent_id)
        if gate.agent_id in full.paused:
            gate.next_eligible_at = None
        elif not keep or gate.agent_id in full.skipped:
            more = cut[gate.agent_id]
            gate.next_eligible_at = _next_look(gate.agent_id, block, share, full, more, now)
        if gate.agent_id in served:
            gate.last_served_at = now
        _tell_rate_limit(gate, block, now)
    statements.run(
        "save_agent_gates",
        {
            "ids": [gate.agent_id for gate in gates],
            "next": [gate.next_eligible_at for gate in gates],
            "served": [gate.last_served_at for gate in gates],
            "reasons": [gate.pause_reason for gate in gates],
            "paused": [gate.paused_at for gate in gates],
            "limited": [gate.limited_until for gate in gates],
        },
    )


def _next_look(
    agent_id: uuid.UUID,
    block: Block | None,
    share: Share,
    full: full_days.Full,
    cut: set[uuid.UUID],
    now: dt.datetime,
) -> dt.datetime | None:
    """`cut`: triggers of the agent that may have more ready rows than were read."""
    if agent_id in share.left or agent_id in full.skipped:  # what else is queued may start
        return now
    if cut and (block is None or not (block.is_whole or cut <= block.triggers)):
        return now
    if block is None:
        return None
    return min(block.free_at, now + LOOK_AT_LEAST) if block.free_at else ON_FINISH


def _tell_rate_limit(gate: AgentGate, block: Block | None, now: dt.datetime) -> None:
    """One `execution:rate-limited` per window of a minute, however often the claim runs into it."""
    if block is None or "minute_window" not in block.gates or block.free_at is None:
        return
    if gate.limited_until is not None and gate.limited_until > now:
        return
    gate.limited_until = now + minute_window.WINDOW
    limit = gate.agent.limit("max_executions_per_minute") or 0
    retry_in = max(1, round((block.free_at - now).total_seconds()))
    live.push(
        gate.agent.workspace_id,
        notices.rate_limited(agent_id=gate.agent_id, per_minute=limit, retry_in=retry_in),
    )
